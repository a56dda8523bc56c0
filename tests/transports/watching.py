"""Helpers for tests of transports: routes in one line, and a trace that keeps what it saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from transports.base import Dsn, Envelope, Failure, Status, Step, StepName
from transports.routes import Login, Protection, ProxyRoute, ServerAddress, SmtpRoute, Timeouts
from transports.secret import Secret
from transports.trace import Trace

SWIFT = Timeouts(resolve=5, connect=5, proxy=5, tls=5, greeting=5, command=5, data=10, quit=1)
TINY = Timeouts(
    resolve=0.5,
    connect=0.5,
    proxy=0.5,
    tls=0.5,
    greeting=0.5,
    command=0.5,
    data=0.5,
    data_per_mib=0,
    quit=0.1,
)


@dataclass
class Watcher:
    """Keeps every step that ended, and those that were seen running."""

    begun: list[StepName] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trace = Trace(self._see)

    def _see(self, step: Step) -> None:
        if step.status is Status.RUNNING:
            self.begun.append(step.name)
        else:
            self.steps.append(step)

    def __getitem__(self, name: StepName) -> Step:
        return next(s for s in reversed(self.steps) if s.name is name)

    def names(self) -> list[str]:
        """The steps that ended, in order."""
        return [str(s.name) for s in self.steps]

    def everything(self) -> str:
        """All that a screen or a log could show."""
        return "\n".join(repr(s) for s in self.steps)


def route(
    port: int,
    security: Protection = "none",
    *,
    host: str = "127.0.0.1",
    login: Login | None = None,
    proxy: ProxyRoute | None = None,
    ca_file: Path | None = None,
    timeouts: Timeouts = SWIFT,
    ehlo_name: str | None = "client.example.test",
) -> SmtpRoute:
    """A route to a server on loopback."""
    return SmtpRoute(
        ServerAddress(host, port, security),
        login,
        proxy,
        str(ca_file) if ca_file else None,
        ehlo_name,
        timeouts,
    )


def login(username: str, password: str, *, in_the_clear: bool = False) -> Login:
    """A login with the mechanism chosen by itself."""
    return Login(username, Secret(password), insecure_without_tls=in_the_clear)


def summary(failure: Failure) -> tuple[str, str, str, str]:
    """Step, scope, verdict and cause, short enough for a table."""
    return (str(failure.step), str(failure.scope), str(failure.verdict), str(failure.cause))


MAIL = b"From: a@example.test\r\nTo: b@example.test\r\nSubject: x\r\n\r\nhello\r\n"
PASSWORD = "pa55-marked-secret"


def envelope(*recipients: str, content: bytes = MAIL, dsn: Dsn | None = None) -> Envelope:
    """A small mail from a@example.test."""
    return Envelope("a@example.test", recipients or ("b@example.test",), content, dsn)
