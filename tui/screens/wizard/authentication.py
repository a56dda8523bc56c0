"""The wizard's authentication page: whether the server wants a login, and which; secrets stay masked."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.widgets import Static

from outmail.engine import draft_ews as ews
from outmail.engine import draft_graph as graph
from outmail.engine import draft_oauth as oauth
from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from outmail.engine.draft_words import CLOUD_NAMES, PROVIDERS
from outmail.engine.oauth_defaults import refused_grant
from tui.screens.wizard.key_pair import KeyPairDialog
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

STORED = "stored – leave empty to keep"
_MECHANISMS = (
    Option("auto", "auto"),
    Option("plain", "PLAIN"),
    Option("login", "LOGIN"),
    Option("cram-md5", "CRAM-MD5"),
)
_SCHEMES = (
    Option("auto", "auto"),
    Option("ntlm", "NTLM"),
    Option("basic", "Basic"),
)
_METHODS = {"basic": "Basic", "none": "None", "oauth": "OAuth 2"}
_CLOUDS = {"global": "Worldwide", "us-gov": "GCC High", "us-dod": "DoD", "china": "China", "custom": "Own"}
_GRANTS = {
    "device-code": ("Code", "You type a short code in a browser on any other device."),
    "authorization-code": ("Browser", "You open an address; what the browser ends on comes back here."),
    "client-credentials": ("App-only", "Nobody signs in: the app has its own secret or certificate."),
    "service-account": ("Service account", "Nobody signs in: the service account sends for the mailbox."),
    "managed-identity": ("Managed identity", "Nobody signs in: this virtual machine on Azure has a right."),
}
_FOLD = "oauth-folded"
_BASIC = (at.USERNAME, at.PASSWORD, at.INSECURE, at.MECHANISM, at.SCHEME)
_KEY_PAIR = at.FILES[at.CERTIFICATE]
_HINTS = {
    at.CLIENT_ID: "The app registration's Application (client) ID.",
    at.TENANT: "Its ID or a domain of it; an app of one tenant needs its own.",
    at.REDIRECT_URL: "Register it with the app, as a public client's.",
    at.SCOPES: "Commas or spaces between them.",
    at.ACCOUNT: "Only if another account signs in for a shared mailbox.",
    at.SECRET_EXPIRES: "As the portal says, 2027-01-31: you are warned in time.",
}
_EXAMPLES = {at.CERTIFICATE: "/root/key.pem", at.SERVICE_ACCOUNT: "/root/key.json"}
_OAUTH_TEXTS = (at.TENANT, at.USERNAME, at.CLIENT_ID)


class AuthenticationPage(WizardPage):
    """None, basic, or OAuth with what its provider and its way to sign in need."""

    page = Page.SIGN_IN
    heading = "Does the server require authentication?"

    def compose(self) -> ComposeResult:
        if self._to_mailbox:
            self.heading = "How does it sign in to the mailbox?"
        yield from super().compose()

    @property
    def _to_mailbox(self) -> bool:
        """Whether the mailbox has its place on the page of its own protocol."""
        return graph.chosen(self.draft) or ews.chosen(self.draft)

    def content(self) -> ComposeResult:
        self._unfolded = False
        self._method = self.draft.text(at.METHOD)
        yield self._methods()
        yield from self._oauth() if self._method == "oauth" else self._basic()

    def _methods(self) -> Field:
        """What the service does not take is there too, with the reason."""
        why = {m: graph.refused_method(self.draft, m) or ews.refused_method(self.draft, m) for m in _METHODS}
        options = [Option(value, title, why_not=why[value]) for value, title in _METHODS.items()]
        hint = " ".join(dict.fromkeys(reason for reason in why.values() if reason))
        return Field.choice(at.METHOD, "Authentication", self._method, options, hint=hint)

    def _basic(self) -> Iterable[Field]:
        draft, preset = self.draft, self.session.preset
        yield self._text(at.USERNAME, hint=preset.username_hint if preset else "")
        yield self._secret(at.PASSWORD, hint=preset.password_hint if preset else "")
        yield Field.switch(
            at.INSECURE,
            at.label(at.INSECURE),
            draft.text(at.INSECURE),
            hint="insecure_allow_password_without_tls: send it unencrypted.",
        )
        yield Field.choice(at.MECHANISM, at.label(at.MECHANISM), draft.text(at.MECHANISM), _MECHANISMS)
        yield Field.choice(
            at.SCHEME,
            at.label(at.SCHEME),
            draft.text(at.SCHEME),
            _SCHEMES,
            hint="How the password is sent; auto: NTLM where the server offers it, else Basic.",
        )

    def _oauth(self) -> Iterable[Field]:
        draft, no_google = self.draft, self._no_google()
        providers = [
            Option(value, title, why_not=no_google if value == "google" else "")
            for value, title in PROVIDERS.items()
        ]
        yield Field.choice(at.AUTHORITY, "Provider", draft.text(at.AUTHORITY), providers)
        clouds = [Option(value, title) for value, title in _CLOUDS.items()]
        yield Field.choice(at.CLOUD, at.label(at.CLOUD), draft.text(at.CLOUD), clouds)
        yield self._ways()
        for field in _OAUTH_TEXTS:
            yield self._text(field)
        yield self._secret(at.CLIENT_SECRET)
        yield self._text(at.SECRET_EXPIRES, placeholder="2027-01-31")
        for setting, field in at.FILES.items():
            yield self._text(field, placeholder=STORED if draft.stored(setting) else _EXAMPLES[setting])
        folded = (Option("yes", "as filled in"), Option("no", "show them"))
        yield Field.choice(_FOLD, "Addresses, scope", self.current(_FOLD), folded)
        for field in at.FOLDED:
            yield self._text(field)

    def _ways(self) -> Field:
        """What the provider does not allow is there too, so that nobody looks for it."""
        provider, protocol = self.draft.text(at.AUTHORITY), self.draft.text(at.PROTOCOL)
        options = [
            Option(grant, _GRANTS[grant][0], why_not=refused_grant(provider, grant, protocol))
            for grant in oauth.GRANTS.get(provider, ())
        ]
        return Field.choice(at.GRANT, at.label(at.GRANT), self.draft.text(at.GRANT), options)

    def _text(self, field: str, *, hint: str = "", placeholder: str = "") -> Field:
        return Field.text(field, at.label(field), self.current(field), hint=hint, placeholder=placeholder)

    def _secret(self, field: str, *, hint: str = "") -> Field:
        stored = STORED if self.draft.stored(field) else ""
        text = self.draft.text(field)
        return Field.text(field, at.label(field), text, hint=hint, placeholder=stored, secret=True)

    def current(self, key: str) -> str:
        if key != _FOLD:
            return super().current(key)
        return "no" if self._unfolded else "yes"

    def take(self, key: str, text: str) -> None:
        if key == _FOLD:
            self._unfolded = text == "no"
        else:
            super().take(key, text)

    def changed(self, field: Field) -> None:
        before = self._shape()
        super().changed(field)
        if self._shape() != before:
            self.run_worker(self._anew(field.key), group="fields", exclusive=True)

    def _shape(self) -> tuple[str, str]:
        """What the fields on the page depend on."""
        return self.draft.text(at.METHOD), self.draft.text(at.AUTHORITY)

    async def _anew(self, focus: str) -> None:
        with self.app.batch_update():
            await self.query(Field).remove()
            heading = self.query_one(".page-heading", Static)
            await self.mount_all(self.content(), after=heading)
            self.follow()
            self.focus_on(focus)
        self.post_message(self.KeysChanged())

    def shows(self, key: str) -> bool:
        if key == at.METHOD:
            return True
        method = self.draft.text(at.METHOD)
        if key == at.USERNAME and self._to_mailbox:
            return False
        if key in {at.INSECURE, at.MECHANISM, at.SCHEME} and (key == at.SCHEME) != ews.chosen(self.draft):
            return False
        if method != "oauth":
            return method == "basic" and (key != at.INSECURE or self.draft.asks_insecure())
        if key == _FOLD:
            return not self._must_unfold()
        if key in at.FOLDED and not (self._unfolded or self._must_unfold()):
            return False
        return oauth.asks(self.draft, key)

    def _must_unfold(self) -> bool:
        wrong = self.session.looked_at & set(at.FOLDED) & set(self.session.problems())
        return bool(wrong) or oauth.must_unfold(self.draft)

    def follow(self) -> None:
        super().follow()
        for field in self.query(Field):
            if self.draft.text(at.METHOD) == "oauth" and field.key in {
                *_HINTS,
                at.AUTHORITY,
                at.CLOUD,
                at.GRANT,
                *_FILES,
            }:
                field.set_hint(self._hint(field))

    def _hint(self, field: Field) -> str:
        """Beside the field that has the focus, so that the page stays short; what matters always."""
        if field.key == at.GRANT:
            return self._about_ways()
        if field.key == _KEY_PAIR:
            return self._about_key_pair()
        if not field.has_focus_within:
            return ""
        if field.key == at.AUTHORITY:
            return self._no_google()
        if field.key == at.CLOUD:
            return CLOUD_NAMES[self.draft.text(at.CLOUD)]
        return _HINTS.get(field.key, "")

    def _no_google(self) -> str:
        return (
            graph.NO_GOOGLE if graph.chosen(self.draft) else ews.NO_GOOGLE if ews.chosen(self.draft) else ""
        )

    def _about_ways(self) -> str:
        provider, protocol = self.draft.text(at.AUTHORITY), self.draft.text(at.PROTOCOL)
        chosen = _GRANTS[self.draft.text(at.GRANT)][1]
        greyed = [refused_grant(provider, g, protocol) for g in oauth.GRANTS.get(provider, ())]
        return "\n".join([chosen, *(why for why in greyed if why)])

    def _about_key_pair(self) -> str:
        kept = oauth.kept(self.draft, at.CERTIFICATE)
        pem = self.draft.texts.get(at.CERTIFICATE) or (kept.get_secret_value() if kept else "")
        if not pem:
            return "PEM: private key and certificate. ctrl+k makes a pair."
        from store.certificate import look  # cryptography takes its time

        try:
            facts = look(pem)
        except ValueError as error:
            return f"It cannot be used: {error}."
        return f"Thumbprint {facts.thumbprint_sha1}, until {facts.until:%Y-%m-%d}"

    def on_descendant_focus(self) -> None:
        """The hint goes with the focus."""
        self.follow()

    def make_key_pair(self) -> None:
        """Make one, take it, and show the public part to upload."""
        if not self._takes_key_pair():
            return

        def made(pem: str | None) -> None:
            if pem:
                oauth.put_secret(self.draft, at.CERTIFICATE, pem)
                self.run_worker(self._anew(_KEY_PAIR), group="fields", exclusive=True)

        self.app.push_screen(KeyPairDialog(self.draft.text(at.NAME) or self.draft.text(at.FROM)), made)

    def _takes_key_pair(self) -> bool:
        return self.draft.text(at.METHOD) == "oauth" and oauth.asks(self.draft, _KEY_PAIR)

    def other_keys(self) -> list[tuple[str, str]]:
        method = self.draft.text(at.METHOD)
        secret = at.PASSWORD if method == "basic" else at.CLIENT_SECRET
        show = method == "basic" or (method == "oauth" and oauth.asks(self.draft, secret))
        return [
            *([("ctrl+k", "Make a key pair")] if self._takes_key_pair() else []),
            *([("ctrl+t", "Show password" if method == "basic" else "Show secret")] if show else []),
        ]


_FILES = frozenset(at.FILES.values())
