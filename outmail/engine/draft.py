"""The wizard's answers as they were typed, field by field, and the profile they make.

It knows no screen and no network. It must never show a stored secret, never lose what was typed,
and never have rules of its own: what is right or wrong the store decides.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field

from pydantic import SecretStr, ValidationError

from outmail.engine import draft_ews as ews
from outmail.engine import draft_graph as graph
from outmail.engine import draft_oauth as oauth
from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from outmail.engine.draft_problems import problems
from outmail.engine.presets import Preset, by_host
from store.problems import SettingsInvalid
from store.profiles import DEFAULT_PORTS, Failover, Profile, Security, Settings
from store.tokens import APP_ONLY
from store.validation import from_pydantic

MOST_ALTERNATES = 8
OTHER = "other"
"""The provider's id where the server is nobody we know."""

_BEGINNING = {
    at.PROTOCOL: "smtp",
    at.SECURITY: Security.STARTTLS.value,
    at.PORT: str(DEFAULT_PORTS[Security.STARTTLS]),
    at.METHOD: "basic",
    at.MECHANISM: "auto",
    at.INSECURE: "no",
    at.POLICY: "rewrite",
    at.PROXY: "no",
    at.FAILBACK: "manual",
    **oauth.BEGINNING,
}


@dataclass
class Draft:
    """A profile in the making: `texts` holds every field as typed, by its path in the profile file."""

    texts: dict[str, str] = field(default_factory=dict, repr=False)  # what was typed may be a secret
    alternates: int = 0
    by_hand: set[str] = field(default_factory=set)  # ports, the name, the grant: once typed, left alone
    original: str | None = None  # the name it is saved under, None for a new one
    base: Profile | None = None  # what is saved: what no page shows stays as it is there
    dropped: set[str] = field(default_factory=set)  # stored secrets that another kind replaces
    unread: dict[str, str] = field(default_factory=dict)  # what is wrong with a file, by its field

    @classmethod
    def empty(cls) -> Draft:
        """A new profile: SMTP with STARTTLS on port 587, with a user name and a password."""
        return cls(dict(_BEGINNING))

    @classmethod
    def of(cls, name: str, profile: Profile) -> Draft:
        """The answers that made a saved profile; its secrets are kept and count as stored."""
        draft = cls.empty()
        draft.original, draft.base = name, profile
        draft.by_hand |= {at.NAME, at.GRANT}
        auth, failover = profile.auth, profile.failover or Failover()
        known = {
            at.NAME: name,
            at.PROTOCOL: profile.protocol,
            at.SENDER_NAME: profile.sender_name,
            at.FROM: profile.from_address,
            at.REPLY_TO: profile.reply_to,
            at.POLICY: profile.sender_policy,
            at.METHOD: auth.method,
            at.USERNAME: auth.username,
            at.MECHANISM: auth.mechanism,
            at.INSECURE: "yes" if auth.insecure_allow_password_without_tls else "no",
            at.PROXY: "yes" if profile.proxy else "no",
            at.PROXY_URL: profile.proxy.url if profile.proxy else None,
            at.PROXY_USER: profile.proxy.username if profile.proxy else None,
            at.CA_FILE: profile.tls.ca_file if profile.tls else None,
            at.FAILOVER: failover.profile,
            at.FAILBACK: failover.failback,
        }
        draft.texts.update({key: text for key, text in known.items() if text is not None})
        draft.texts.update(oauth.texts_of(profile) | graph.texts_of(profile) | ews.texts_of(profile))
        servers = [profile.smtp, *profile.smtp.alternates] if profile.smtp else []
        for number, server in enumerate(servers):
            draft.texts[at.server_field(number, "host")] = server.host
            draft.texts[at.server_field(number, "security")] = server.security.value
            draft.texts[at.server_field(number, "port")] = str(server.effective_port)
            if server.port is not None:
                draft.by_hand.add(at.server_field(number, "port"))
        draft.alternates = max(0, len(servers) - 1)
        preset = by_host(profile.smtp.host) if profile.smtp else None
        draft.texts[at.PROVIDER] = preset.id if preset else OTHER
        return draft

    def copy(self) -> Draft:
        """The same answers, independent of these."""
        return deepcopy(self)

    def text(self, name: str) -> str:
        """The field's text as typed; else what is filled in for it, or ""."""
        said = graph.implied(self, name) or ews.implied(self, name) or self.texts.get(name)
        return said or graph.filled_in(self, name) or ews.filled_in(self, name) or oauth.filled_in(self, name)

    def on(self, name: str) -> bool:
        """Whether a yes-or-no field says yes."""
        return self.text(name) == "yes"

    def type(self, name: str, text: str) -> None:
        """The admin typed or chose this; fields that follow from it follow, unless typed by hand."""
        before, self.texts[name] = self.text(name), text
        if name.endswith(".port") or name in {at.NAME, at.GRANT}:
            (self.by_hand.add if text.strip() else self.by_hand.discard)(name)
        elif name.endswith(".security"):
            port = name.removesuffix("security") + "port"
            if port not in self.by_hand:
                self.texts[port] = str(DEFAULT_PORTS[Security(text)])
        elif name == at.MAILBOX:
            for follower in (at.FROM, at.USERNAME):
                if self.text(follower) in {"", before}:
                    self.texts[follower] = text
        elif name == at.USERNAME and graph.chosen(self) and self.text(at.FROM) in {"", before}:
            self.texts[at.FROM] = text
        elif name == at.USERNAME and ews.chosen(self) and self.text(at.FROM) in {"", before}:
            self.texts[at.FROM] = ews.address_in(text)
        elif name in {at.AUTHORITY, at.CLOUD} and text != before:
            oauth.provider_changed(self)
        elif name == at.GRAPH_CLOUD and text != before:
            graph.cloud_changed(self)
        elif name == at.PROTOCOL and text != before:
            graph.protocol_changed(self)
        elif name == at.CLIENT_SECRET:
            oauth.put_secret(self, name, text)
        for setting, path in at.FILES.items():
            if name == path:
                oauth.load(self, setting, text)

    # --- servers

    def server_count(self) -> int:
        """How many servers there are: the primary and the alternates."""
        return 1 + self.alternates

    def add_alternate(self) -> int:
        """One more alternate server, protected as the primary is; returns its number, from 1."""
        self.alternates += 1
        self.type(at.alternate(self.alternates, "security"), self.text(at.SECURITY))
        return self.alternates

    def remove_alternate(self, number: int) -> None:
        """Take an alternate out; those after it move up."""
        for later in range(number, self.alternates):
            self._swap(later, later + 1)
        for part in ("host", "security", "port"):
            self.texts.pop(at.alternate(self.alternates, part), None)
            self.by_hand.discard(at.alternate(self.alternates, part))
        self.alternates -= 1

    def move_up(self, number: int) -> None:
        """Change places with the server before: alternate 1 becomes the primary."""
        self._swap(number, number - 1)

    def _swap(self, one: int, other: int) -> None:
        for part in ("host", "security", "port"):
            a, b = at.server_field(one, part), at.server_field(other, part)
            self.texts[a], self.texts[b] = self.text(b), self.text(a)
            if (a in self.by_hand) != (b in self.by_hand):
                self.by_hand ^= {a, b}

    # --- provider and name

    def apply_preset(self, preset: Preset | None) -> None:
        """Take over what the provider's preset says; where it says nothing, what was typed stays."""
        before = by_host(self.text(at.HOST))
        if before and before.id == self.text(at.PROVIDER):
            self.texts[at.HOST] = ""  # the host came with the provider, and goes with it
        self.texts[at.PROVIDER] = preset.id if preset else OTHER
        if preset is None:
            return
        self.texts[at.HOST] = preset.host_for(self.text(at.MAILBOX)) or self.text(at.HOST)
        self.by_hand.discard(at.PORT)
        self.type(at.SECURITY, preset.security.value)
        if preset.port != DEFAULT_PORTS[preset.security]:
            self.type(at.PORT, str(preset.port))
        oauth.apply_preset(self, preset)

    def suggest_name(self, existing: Settings) -> None:
        """Call a profile without a name after its provider or domain, as nothing else is called yet."""
        if at.NAME in self.by_hand:
            return
        provider, domain = self.text(at.PROVIDER), self.text(at.FROM).rpartition("@")[2]
        stem = provider if provider not in {"", OTHER} else domain.split(".")[0]
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:50].lower() or "mail"
        name, number = stem, 2
        while name in existing.profiles:
            name, number = f"{stem}-{number}", number + 1
        self.texts[at.NAME] = name

    # --- secrets

    def stored(self, name: str) -> bool:
        """Whether a secret is kept from the saved profile because nothing new was typed."""
        return not self.texts.get(name) and self._kept(name) is not None

    def _kept(self, name: str) -> SecretStr | None:
        if self.base is None:
            return None
        if name.startswith(at.OAUTH):
            return oauth.kept(self, name)
        if name == at.PASSWORD:
            return self.base.auth.password
        kept = self.base.proxy.password if self.base.proxy else None
        # A proxy without a user name has no password: emptying the name is how one is taken away.
        return kept if self._clean(at.PROXY_USER) else None

    def _secret(self, name: str) -> SecretStr | None:
        typed = self.texts.get(name)
        return SecretStr(typed) if typed else self._kept(name)

    # --- what it makes

    def in_the_clear(self) -> bool:
        """Whether some server has no TLS at all."""
        return self.text(at.PROTOCOL) == "smtp" and any(
            self.text(at.server_field(n, "security")) == Security.NONE for n in range(self.server_count())
        )

    def asks_insecure(self) -> bool:
        """Whether the switch for a password without TLS has a meaning, or was on when saved."""
        was_on = self.base is not None and self.base.auth.insecure_allow_password_without_tls
        return self.in_the_clear() or was_on

    def _clean(self, name: str) -> str | None:
        return self.text(name).strip() or None

    def _server(self, number: int) -> dict[str, object]:
        port_field = at.server_field(number, "port")
        port = self._clean(port_field) if port_field in self.by_hand else None
        made: dict[str, object] = {"security": self.text(at.server_field(number, "security"))}
        host = self._clean(at.server_field(number, "host"))
        if host:
            made["host"] = host
        if port:
            made["port"] = int(port) if re.fullmatch(r"[0-9]{1,9}", port) else port
        return made

    def _made(self) -> dict[str, object]:
        base = self.base
        made: dict[str, object] = {
            "protocol": self.text(at.PROTOCOL),
            "sender_name": self._clean(at.SENDER_NAME),
            "reply_to": self._clean(at.REPLY_TO),
            "sender_policy": self.text(at.POLICY),
            "ews": ews.made(self),
            "graph": graph.made(self),
            "auth": self._auth(),
        }
        if self._clean(at.FROM):
            made["from_address"] = self._clean(at.FROM)
        if self.text(at.PROTOCOL) != "smtp":
            made["smtp"] = base.smtp if base else None
        else:
            alternates = [self._server(n) for n in range(1, self.server_count())]
            ehlo_name = base.smtp.ehlo_name if base and base.smtp else None
            made["smtp"] = {**self._server(0), "alternates": alternates, "ehlo_name": ehlo_name}
        if self.on(at.PROXY):
            proxy: dict[str, object] = {
                "username": self._clean(at.PROXY_USER),
                "password": self._secret(at.PROXY_PASSWORD),
            }
            made["proxy"] = proxy | ({"url": self._clean(at.PROXY_URL)} if self._clean(at.PROXY_URL) else {})
        if self._clean(at.CA_FILE) or (base and base.tls):
            made["tls"] = {"ca_file": self._clean(at.CA_FILE)}
        if self._clean(at.FAILOVER) or self.text(at.FAILBACK) != "manual" or (base and base.failover):
            made["failover"] = {"profile": self._clean(at.FAILOVER), "failback": self.text(at.FAILBACK)}
        return made

    def _auth(self) -> dict[str, object]:
        method = self.text(at.METHOD)
        made: dict[str, object] = {
            "method": method,
            "mechanism": self.text(at.MECHANISM),
            "insecure_allow_password_without_tls": self.on(at.INSECURE) and self.asks_insecure(),
            "oauth": oauth.made(self),
        }
        # An account that is no longer used is not kept; one that was saved unused is not ours to drop.
        as_saved = self.base is not None and self.base.auth.method == method
        if method != "none" or as_saved:
            made["username"] = self._clean(at.USERNAME)
        if method == "basic" or as_saved:
            made["password"] = self._secret(at.PASSWORD) if method != "oauth" else self._kept(at.PASSWORD)
        return made

    def profile(self) -> Profile:
        """The profile these answers make.

        Raises SettingsInvalid with every field that cannot be read; rules that span fields are in
        `problems`.
        """
        try:
            return Profile.model_validate(self._made())
        except ValidationError as error:
            raise SettingsInvalid(from_pydantic(error, Profile)) from None  # its input holds secrets

    def settings(self, existing: Settings, *, default: bool = False) -> Settings:
        """The existing settings with this profile in them, in its old place, under its new name.

        Raises SettingsInvalid as `profile` does; what refers to an old name refers to the new one.
        """
        name, profile, old = self.text(at.NAME).strip(), self.profile(), self.original
        profiles = {name if key == old else key: p for key, p in existing.profiles.items()}
        profiles[name] = profile
        for key, other in profiles.items():
            if old and old != name and other.failover and other.failover.profile == old:
                renamed = other.failover.model_copy(update={"profile": name})
                profiles[key] = other.model_copy(update={"failover": renamed})
        first = existing.default if existing.default != old or old is None else name
        relay = existing.relay.renamed(old, name) if existing.relay and old else existing.relay
        return Settings(default=name if default else first, profiles=profiles, relay=relay)

    def rebase(self, begun: Draft, existing: Settings) -> None:
        """Somebody saved meanwhile: take over what they changed and this admin has not touched.

        `begun` are the answers as the wizard opened; stored secrets are from now on the newer ones.
        """
        profile = existing.profiles.get(self.original) if self.original else None
        if self.original is None or profile is None:
            self.original = None
            return
        theirs = Draft.of(self.original, profile)
        servers = [k for k in self.texts.keys() | theirs.texts.keys() if at.page_of(k) is Page.SERVER]
        mine = self.alternates != begun.alternates or any(self.text(k) != begun.text(k) for k in servers)
        for key in self.texts.keys() | theirs.texts.keys():
            touched = mine if key in servers else self.text(key) != begun.text(key)
            if not touched and key not in {at.NAME, at.MAILBOX}:
                self.texts[key] = theirs.text(key)
        if not mine:
            self.alternates = theirs.alternates
            self.by_hand = theirs.by_hand | (self.by_hand & {at.NAME})
        self.base = profile

    def problems(self, existing: Settings) -> dict[str, str]:
        """Everything wrong with the answers, by field, in the store's words.

        `existing` is what is saved: names must not clash, and a failover profile must be there.
        """
        return problems(self, existing)

    def pages(self) -> tuple[Page, ...]:
        """The pages in order: each protocol has its own, and a sign-in only where a person has to."""
        own = {"smtp": {Page.PROVIDER, Page.SERVER}, "ews": {Page.EWS}, "graph": {Page.GRAPH}}
        hidden = set().union(
            *(pages for protocol, pages in own.items() if protocol != self.text(at.PROTOCOL))
        )
        if not self.wants_person():
            hidden.add(Page.SIGNED_IN)
        return tuple(page for page in Page if page not in hidden)

    def page_of(self, field: str) -> Page:
        """The page that a field stands on for this protocol; what none of its pages shows is reviewed."""
        own = Page.GRAPH if graph.chosen(self) else Page.EWS if ews.chosen(self) else None
        page = own if own and field == at.USERNAME else at.page_of(field)
        return page if page in self.pages() else Page.REVIEW

    def label(self, field: str) -> str:
        """What the field is called on that page."""
        return "Mailbox" if field == at.USERNAME and graph.chosen(self) else at.label(field)

    def to_graph(self) -> None:
        """Take Microsoft Graph in place of the EWS of Exchange Online, with all that holds there too.

        Nothing happens where `offers_graph` says no.
        """
        ews.to_graph(self)

    def offers_graph(self) -> bool:
        """Whether mail leaves by a way that is ending, and Graph stands in its place."""
        return bool(ews.online(self))

    def wants_person(self) -> bool:
        """Whether somebody has to sign in before mail can be sent."""
        return self.text(at.METHOD) == "oauth" and self.text(at.GRANT) not in APP_ONLY
