"""Stand-ins with the real shapes for workspace, engine and practice tenant; no disk, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import SecretStr

from outmail.diagnosis.finding import Finding
from outmail.engine import remembered, signin
from outmail.engine.report import (
    CheckReport,
    Progress,
    RecipientReport,
    SendReport,
    ServerReport,
    Watch,
)
from outmail.engine.signin import Event, Way
from outmail.engine.tokens import Tokens
from store.changes import Change, compare
from store.errors import StoreError
from store.history import DeliveredTo, Delivery, Entry, Happening
from store.paths import Paths
from store.profiles import Auth, Failover, Profile, Proxy, Security, Server, Settings, Smtp, Tls
from store.spool_shapes import LastError
from store.tokens import MemoryShelf
from store.vault import Snapshot
from tests.tui.relay import FakeRelay
from tests.tui.signing_in import NO_CONSENT, NOON, SECRET, FakeSignIn, Script, oauth_profile
from transports.base import Cause, Failure, Scope, Status, Step, StepName, Verdict

if TYPE_CHECKING:
    from tui.engine import SaveSignIn

MARKUP = "[bold red]hello[/] [@click=app.quit]quit[/] [link=x]"

STEPS = (
    StepName.RESOLVE,
    StepName.CONNECT,
    StepName.GREETING,
    StepName.STARTTLS,
    StepName.AUTHENTICATE,
    StepName.SENDER,
    StepName.PERMISSION,
)
DETAILS = {
    StepName.RESOLVE: "203.0.113.7, 2001:db8::7",
    StepName.CONNECT: "203.0.113.7 port 587",
    StepName.GREETING: "220 smtp.example.org ESMTP Postfix",
    StepName.STARTTLS: "TLS 1.3, certificate until 2027-02-01",
    StepName.AUTHENTICATE: "235 2.7.0 Authentication successful (PLAIN)",
    StepName.SENDER: "250 2.1.0 Ok",
    StepName.PERMISSION: "250 2.1.5 Ok",
    StepName.SEND: "250 2.0.0 Ok: queued as 4XyZ",
}
EXPIRED = Finding(
    id="certificate-expired",
    title="The server's certificate has expired",
    cause="The certificate of smtp.example.org ended on 2026-01-01, so who knows whether this is it?",
    remedy="Ask the mail server's admin to renew the certificate; until then, use the alternate server.",
    commands=("openssl s_client -connect smtp.example.org:587 -starttls smtp",),
    docs="https://www.rfc-editor.org/rfc/rfc3207",
    who="the mail server's admin",
)
FAILURE = Failure(
    StepName.STARTTLS,
    Scope.SERVER,
    Verdict.FIX_SETTINGS,
    Cause.CERTIFICATE_EXPIRED,
    words="certificate has expired",
)


def support() -> Profile:
    """A profile with about everything set."""
    return Profile(
        protocol="smtp",
        sender_name="Example Help Desk",
        from_address="helpdesk@example.org",
        reply_to="desk@example.org",
        smtp=Smtp(
            host="smtp.example.org",
            port=587,
            alternates=[Server(host="smtp2.example.org", port=465, security=Security.TLS)],
        ),
        auth=Auth(method="basic", username="helpdesk@example.org", password=SecretStr(SECRET)),
        proxy=Proxy(url="http://proxy.example.org:3128", username="mail", password=SecretStr(SECRET)),
        tls=Tls(ca_file="/etc/ssl/private-ca.pem"),
        failover=Failover(profile="backup"),
    )


def backup() -> Profile:
    """A profile with the least."""
    return Profile(
        protocol="smtp",
        from_address="root@localhost",
        smtp=Smtp(host="127.0.0.1", port=25, security=Security.NONE),
    )


def two_profiles() -> Settings:
    """support is the default, backup the other."""
    return Settings(default="support", profiles={"support": support(), "backup": backup()})


def with_oauth(**oauth: object) -> Settings:
    """m365 is the default and nobody is signed in; backup is the other."""
    return Settings(default="m365", profiles={"m365": oauth_profile(**oauth), "backup": backup()})


class FakeHistory:
    """Entries in memory."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.all = list(entries)

    def entries(self, limit: int) -> list[Entry]:
        """The newest first."""
        return self.all[:limit]


class FakeWorkspace:
    """Settings in memory; `refuse` is raised by the next save, reload or read."""

    def __init__(self, settings: Settings | None = None, entries: Sequence[Entry] = ()) -> None:
        self.settings = settings or Settings()
        self.on_disk = self.settings
        self.history = FakeHistory(entries)
        self.refuse: StoreError | None = None
        self.warning = ""
        self.paths = Paths(
            Path("/var/lib/outmail/vault"), Path("/var/lib/outmail/spool"), Path("/run/outmail")
        )
        self.recorded: list[SendReport] = []
        self.tokens = Tokens(MemoryShelf(), now=lambda: NOON)

    @property
    def snapshot(self) -> Snapshot:
        """The same, by somebody."""
        return Snapshot(self.settings, 1, NOON, "ada")

    def reload(self) -> Settings:
        """What is on disk."""
        self._maybe_refuse()
        self.settings = self.on_disk
        return self.settings

    def save(self, settings: Settings, who: str | None = None) -> list[Change]:
        """Keep."""
        self._maybe_refuse()
        changes = compare(self.settings, settings)
        self.settings = self.on_disk = settings
        return changes

    def record(self, name: str, envelope_from: str, report: SendReport) -> str:
        """Keep."""
        self.recorded.append(report)
        return ""

    def _maybe_refuse(self) -> None:
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error


@dataclass(frozen=True)
class Plan:
    """One server and the steps ahead."""

    server: str
    address: str
    steps: tuple[StepName, ...]


@dataclass
class FakeEngine:
    """Climbs by script: `fail_at` fails there, `pause_at` waits there until `go` is set."""

    fail_at: StepName | None = None
    warn_at: StepName | None = None
    pause_at: StepName | None = None
    detail: str | None = None
    finding: Finding = EXPIRED
    refuse: Exception | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    failure: Failure = FAILURE
    script: Script = field(default_factory=Script)
    relay: FakeRelay = field(default_factory=FakeRelay)

    def remember(self, name: str, profile: Profile | None, error: LastError) -> Finding | None:
        """As the catalogue has it."""
        return remembered.explain(name, profile, error)

    def relay_runs(self, paths: Paths) -> bool:
        """By script."""
        return self.relay.relay_runs(paths)

    def steer(self, paths: Paths, profiles: Callable[[], object]) -> FakeRelay:
        """By script."""
        return self.relay.steer(paths, profiles)

    async def plan(self, name: str, profile: Profile, which: str) -> list[Plan]:
        """Every server, or one."""
        if self.refuse:
            raise self.refuse
        labels = ["primary", "alternate"]
        return [
            Plan(label, server.address, STEPS)
            for label, server in zip(labels, profile.servers, strict=False)
            if which in {"all", label}
        ]

    async def check(
        self, name: str, profile: Profile, *, which: str, watch: Watch, tokens: Tokens
    ) -> CheckReport:
        """Climb."""
        self.asked.append(("check", which))
        planned = await self.plan(name, profile, which)
        return CheckReport(
            name, tuple([await self._climb(p.server, p.address, STEPS, watch) for p in planned])
        )

    async def sample(
        self, name: str, profile: Profile, to: str, *, which: str | None, watch: Watch, tokens: Tokens
    ) -> SendReport:
        """Climb and send."""
        self.asked.append((to, which))
        planned = await self.plan(name, profile, which or "primary")
        server = await self._climb(planned[0].server, planned[0].address, (*STEPS[:5], StepName.SEND), watch)
        answer = DETAILS[StepName.SEND] if server.ok else ""
        return SendReport(
            ok=server.ok,
            message_id="<20260304.1@example.org>",
            server=server.server,
            address=server.address,
            answer=answer,
            seconds=0.31,
            recipients=(RecipientReport(to, answer, None if server.ok else self.finding),),
            attempts=(server,),
            error="" if server.ok else self.finding.title,
            finding=None if server.ok else self.finding,
        )

    async def _climb(
        self, server: str, address: str, steps: Sequence[StepName], watch: Watch
    ) -> ServerReport:
        done: list[Progress] = []
        failed = False
        for name in steps:
            if failed:
                done.append(Progress(server, address, Step(name, Status.SKIP, "not reached")))
                watch(done[-1])
                continue
            watch(Progress(server, address, Step(name, Status.RUNNING)))
            if name is self.pause_at:
                try:
                    await self.go.wait()
                except asyncio.CancelledError:
                    self.cancelled = True
                    raise
            failed = name is self.fail_at
            done.append(Progress(server, address, self._step(name), self._finding(name)))
            watch(done[-1])
        return ServerReport(server, address, tuple(done))

    def _finding(self, name: StepName) -> Finding | None:
        return self.finding if name in {self.fail_at, self.warn_at} else None

    async def sign_in(
        self, name: str, profile: Profile, tokens: Tokens, watch: Callable[[Event], None], save: SaveSignIn
    ) -> FakeSignIn:
        """By script."""
        return FakeSignIn(name, profile, tokens, watch, self.script, save)

    def why_not(self, profile: Profile, way: Way) -> str:
        """The engine's own rule."""
        return signin.why_not(profile, way)

    def explain(self, name: str, profile: Profile, failure: Failure) -> Finding:
        """Always the same."""
        return NO_CONSENT

    def _step(self, name: StepName) -> Step:
        bad = name in {self.fail_at, self.warn_at}
        status = Status.FAIL if name is self.fail_at else Status.WARN if bad else Status.PASS
        return Step(
            name,
            status,
            self.detail or ("certificate expired on 2026-01-01" if bad else DETAILS[name]),
            0.0123,
            ("C: EHLO desk.example.org", "S: 250-smtp.example.org", "S: 250 STARTTLS"),
            MappingProxyType({"certificate": "CN=smtp.example.org"}),
            self.failure if bad else None,
        )


def entries() -> list[Entry]:
    """A mail that was sent, one that was refused, and a save."""
    sent = Delivery(
        NOON,
        "support",
        "<1@example.org>",
        "helpdesk@example.org",
        "primary",
        "smtp.example.org:587",
        "250 2.0.0 Ok: queued as 4XyZ",
        True,
        (DeliveredTo("you@example.org", True, "250 2.1.5 Ok"),),
    )
    refused = Delivery(
        NOON,
        "support",
        "<2@example.org>",
        "helpdesk@example.org",
        "alternate",
        "smtp2.example.org:465",
        "550 5.1.1 User unknown",
        False,
        (DeliveredTo("nobody@example.org", False, "550 5.1.1 User unknown"),),
    )
    return [
        Entry(NOON, sent),
        Entry(NOON, refused),
        Entry(
            NOON,
            who="ada",
            changes=(
                Change("profiles.support.smtp.host", "old.example.org", "smtp.example.org"),
                Change("profiles.support.auth.password", "(secret)", "(secret)"),
            ),
        ),
        Entry(NOON, event=Happening(NOON, "ada", "paused delivery", "support")),
        Entry(
            NOON,
            event=Happening(
                NOON, "", "mail goes through alternate smtp2.example.org:465: connection refused", "support"
            ),
        ),
    ]
