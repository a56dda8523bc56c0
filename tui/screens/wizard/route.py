"""The wizard's page on the way there: a proxy, an authority of one's own, a profile to fall back to."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.screens.wizard.authentication import STORED
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_ON_PROXY = {at.PROXY_URL, at.PROXY_USER, at.PROXY_PASSWORD}


class RoutePage(WizardPage):
    """Proxy and trust; all of it optional."""

    page = Page.ROUTE
    heading = "Does the way there need anything special?"
    intro = "Most servers need nothing here: Enter goes on."

    def content(self) -> ComposeResult:
        draft = self.draft
        yield Field.switch(at.PROXY, at.label(at.PROXY), draft.text(at.PROXY))
        yield Field.text(
            at.PROXY_URL,
            at.label(at.PROXY_URL),
            draft.text(at.PROXY_URL),
            placeholder="http://proxy.example.org:3128",
            hint="http:// (CONNECT) or socks5://, with the port.",
        )
        yield Field.text(
            at.PROXY_USER, at.label(at.PROXY_USER), draft.text(at.PROXY_USER), hint="Only if the proxy asks."
        )
        yield Field.text(
            at.PROXY_PASSWORD,
            at.label(at.PROXY_PASSWORD),
            draft.text(at.PROXY_PASSWORD),
            placeholder=STORED if draft.stored(at.PROXY_PASSWORD) else "",
            secret=True,
        )
        yield Field.text(
            at.CA_FILE,
            at.label(at.CA_FILE),
            draft.text(at.CA_FILE),
            placeholder="/etc/ssl/private-ca.pem",
            hint="Optional: trusted beside the system's authorities.",
        )
        others = [name for name in self.session.settings.profiles if name != draft.original]
        if others or draft.text(at.FAILOVER):
            known = dict.fromkeys(["", *others, draft.text(at.FAILOVER)])
            options = [Option(name, name or "none") for name in known]
            yield Field.choice(
                at.FAILOVER,
                at.label(at.FAILOVER),
                draft.text(at.FAILOVER),
                options,
                hint="Used when every server of this profile is unavailable.",
            )
            ways = (Option("manual", "when I say so"), Option("automatic", "by itself"))
            yield Field.choice(at.FAILBACK, at.label(at.FAILBACK), draft.text(at.FAILBACK), ways)

    def shows(self, key: str) -> bool:
        if key in _ON_PROXY:
            return self.draft.on(at.PROXY)
        return key != at.FAILBACK or bool(self.draft.text(at.FAILOVER))

    def other_keys(self) -> list[tuple[str, str]]:
        return [("ctrl+t", "Show password")] if self.draft.on(at.PROXY) else []
