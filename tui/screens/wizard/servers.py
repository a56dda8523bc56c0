"""The wizard's server page: the primary server, and the alternates in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Static

from outmail.engine import draft_pages as at
from outmail.engine.draft import MOST_ALTERNATES
from outmail.engine.draft_pages import Page
from store.profiles import Security
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_PROTOCOLS = (Option("smtp", "SMTP"), Option("smtps", "SMTPS"))
_TLS_HINTS = {
    Security.STARTTLS: "STARTTLS: begins in plain text, then must encrypt.",
    Security.TLS: "SMTPS: encrypted from the first byte.",
    Security.NONE: "Nothing is encrypted.",
}


class ServersPage(WizardPage):
    """Server name, protocol, TLS and port, for the primary and for each alternate."""

    page = Page.SERVER
    heading = "Which servers take the mail?"
    intro = "The alternates are used, in their order, when the primary is unavailable."

    def content(self) -> ComposeResult:
        with Vertical(id="servers"):
            yield from self._servers()
        yield Button("+ Add an alternate server", id="add-alternate", compact=True)

    def _servers(self) -> Iterator[Widget]:
        for number in range(self.draft.server_count()):
            yield self._head(number)
            yield from self._fields(number)

    def _head(self, number: int) -> Widget:
        title = f"Alternate server {number}" if number else "Primary server"
        parts: list[Widget] = [Static(title, classes="server-title", markup=False)]
        if number:
            swap = "Make primary" if number == 1 else "Move up"
            parts.append(Button(swap, id=f"up-{number}", compact=True))
            parts.append(Button("Remove", id=f"remove-{number}", compact=True))
        return Horizontal(*parts, classes="server-head")

    def _fields(self, number: int) -> Iterator[Field]:
        host, security, port = (at.server_field(number, part) for part in ("host", "security", "port"))
        yield Field.text(
            host,
            at.LABELS[at.HOST],
            self.draft.text(host),
            placeholder="smtp.example.org",
        )
        yield Field.choice(security, "Protocol", self.current(security), _PROTOCOLS)
        tls = Field.switch(security + ".tls", "TLS enabled", self.current(security + ".tls"))
        yield tls
        yield Field.text(port, at.LABELS[at.PORT], self.draft.text(port), digits=True)

    def current(self, key: str) -> str:
        security = self.draft.text(key.removesuffix(".tls"))
        if key.endswith(".tls"):
            return "no" if security == Security.NONE else "yes"
        if key.endswith(".security"):
            return "smtps" if security == Security.TLS else "smtp"
        return self.draft.text(key)

    def take(self, key: str, text: str) -> None:
        if key.endswith(".tls"):
            smtps = self.current(key.removesuffix(".tls")) == "smtps"
            kept = Security.TLS if smtps else Security.STARTTLS
            self.draft.type(key.removesuffix(".tls"), kept if text == "yes" else Security.NONE)
        elif key.endswith(".security"):
            self.draft.type(key, Security.TLS if text == "smtps" else Security.STARTTLS)
        else:
            self.draft.type(key, text)

    def follow(self) -> None:
        super().follow()
        for field in self.query(Field):
            if field.key.endswith(".tls"):
                field.set_hint(_TLS_HINTS[Security(self.draft.text(field.key.removesuffix(".tls")))])
        self.query_one("#add-alternate").display = self.draft.alternates < MOST_ALTERNATES

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        action, _, number = (event.button.id or "").partition("-")
        if action == "add":
            await self._again(at.alternate(self.draft.add_alternate(), "host"))
        elif action == "remove":
            self.draft.remove_alternate(int(number))
            self._forget_errors()
            await self._again("")
        elif action == "up":
            self.draft.move_up(int(number))
            self._forget_errors()
            await self._again(at.server_field(int(number) - 1, "host"))

    def _forget_errors(self) -> None:
        # Errors were shown for places whose servers have moved: they are shown anew where they are now.
        moved = {key for key in self.session.looked_at if at.page_of(key) is Page.SERVER}
        self.session.looked_at -= moved

    async def _again(self, focus: str) -> None:
        place = self.query_one("#servers", Vertical)
        await place.remove_children()
        await place.mount_all(self._servers())
        self.follow()
        self.post_message(self.KeysChanged())
        if focus:
            self.focus_on(focus)
        else:
            self.query_one("#add-alternate").focus()
