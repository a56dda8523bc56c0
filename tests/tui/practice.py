"""A practice tenant without servers behind it, for the screens that break and mend one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.tui.signing_in import NOON


@dataclass
class FakeServer:
    """A practice server."""

    address: str
    security: str
    fault: str = "none"
    possible_faults: tuple[str, ...] = ("none", "down", "slow", "password-refused")


@dataclass(frozen=True)
class FakeMail:
    """A mail that arrived."""

    arrived: datetime = NOON
    server: str = "primary"
    sender: str = "desk@practice.test"
    recipients: tuple[str, ...] = ("you@example.org",)
    subject: str = "Sample mail from outmail (practice)"


class FakePerson:
    """Notes what it was asked to do at the other device."""

    accounts = ("helpdesk@example.org", "admin@example.org")

    def __init__(self) -> None:
        self.did: list[tuple[str, str]] = []
        self.refuses = ""

    def serves(self, address: str) -> bool:
        """Every address."""
        return bool(address)

    def type_code(self, user_code: str, account: str) -> None:
        """Type it."""
        if self.refuses:
            raise ValueError(self.refuses)
        self.did.append((user_code, account))

    def browse(self, url: str, account: str) -> str:
        """Open it."""
        self.did.append((url, account))
        return "http://localhost:8765/?code=x"


class FakeDemo:
    """A practice tenant without servers behind it."""

    def __init__(self) -> None:
        self.ports = {
            "primary": FakeServer("127.0.0.1:40587", "starttls"),
            "alternate": FakeServer("127.0.0.1:40465", "tls"),
        }
        self.mails: list[FakeMail] = []
        self._person = FakePerson()

    @property
    def person(self) -> FakePerson:
        """Knows the addresses of the scripts."""
        return self._person

    def set_fault(self, server: str, fault: str) -> None:
        """Switch."""
        if fault not in self.ports[server].possible_faults:
            raise ValueError(f"there is no fault {fault!r}")
        self.ports[server].fault = fault

    def describe(self, server: str, fault: str) -> str:
        """A sentence."""
        return f"The server is told to be {fault}, and behaves so for every new connection."
