"""The practice tenant: mail servers, Graph, EWS and an OAuth authority on loopback, broken where asked for.

A newcomer takes the tour on it and the tests prove the program against it. It never sends a mail
anywhere, and nothing from outside this machine can reach it.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self

from outmail.demo import pki, profiles
from outmail.demo.ews.server import PracticeEws
from outmail.demo.ews.signin import SignIn
from outmail.demo.faults import UnknownFault
from outmail.demo.graph.access import Access
from outmail.demo.graph.server import PracticeGraph
from outmail.demo.mailbox import Mail, Mailbox
from outmail.demo.names import DESK, PASSWORD, SUPPORT
from outmail.demo.oauth.apps import RegisteredApps, directory, register
from outmail.demo.oauth.authority import PracticeAuthority
from outmail.demo.oauth.tokens import Signer
from outmail.demo.person import Person
from outmail.demo.server import PracticeServer
from outmail.demo.smtp import Rules
from outmail.demo.smtp_tokens import TokenGate
from store.profiles import Settings

Port = PracticeServer | PracticeAuthority | PracticeGraph | PracticeEws


class PracticeTenant:
    """Runs the servers while its `async with` block does; certificates and mails go into `folder`.

    `slow_seconds` is how late a server with the fault "slow" gives each answer.
    """

    def __init__(self, folder: Path, slow_seconds: float = 2.0, poll_seconds: float = 2.0) -> None:
        self.folder = folder
        self.servers: dict[str, PracticeServer] = {}
        """The mail servers by name."""
        self.ports: dict[str, Port] = {}
        """Everything that can be broken, by name: the mail servers, the authority, Graph and EWS."""
        self.authority: PracticeAuthority
        self.graph: PracticeGraph
        """Takes mail as Microsoft Graph does."""
        self.ews: PracticeEws
        """Takes mail as Exchange Web Services do."""
        self.person: Person
        """Plays the people who sign in, where no browser is at hand."""
        self._apps: RegisteredApps
        self._slow_seconds = slow_seconds
        self._poll_seconds = poll_seconds
        self._mailbox = Mailbox(folder / "mail")
        self._ca_file = folder / "tls" / "ca.pem"

    @property
    def ca_file(self) -> Path:
        """The certificate of the practice authority (PEM), to be trusted by the practice profiles."""
        return self._ca_file

    @property
    def mails(self) -> tuple[Mail, ...]:
        """What arrived at any server and is still kept, oldest first."""
        return self._mailbox.mails

    async def __aenter__(self) -> Self:
        """Make the certificates and open the ports. Raises OSError when that cannot be done."""
        contexts, signer, self._apps = await asyncio.to_thread(self._prepare)
        people = directory(self._apps)
        self.authority = PracticeAuthority(people, signer, contexts, self._poll_seconds)
        self.person = Person(self.authority)
        slow = self._slow_seconds
        senders = frozenset({DESK, SUPPORT})
        for rules in (
            Rules("primary", "starttls", DESK, PASSWORD, senders, slow_seconds=slow),
            Rules("alternate", "tls", DESK, PASSWORD, senders, slow_seconds=slow),
            Rules("relay", "none", slow_seconds=slow),
            Rules("oauth", "starttls", gate=TokenGate(signer, people), slow_seconds=slow),
        ):
            self.servers[rules.server] = PracticeServer(rules, self._mailbox, contexts)
        access = Access(signer, people, lambda: self.authority.base)
        self.graph = PracticeGraph(access, self._mailbox, contexts, slow)
        sign_in = SignIn(people, signer, lambda: self.authority.base, self.folder / "ntlm-accounts")
        self.ews = PracticeEws(sign_in, people, self._mailbox, contexts, slow)
        others: tuple[Port, ...] = (self.authority, self.graph, self.ews)
        self.ports = {**self.servers, **{port.name: port for port in others}}
        try:
            for port in self.ports.values():
                port.start()
        except OSError:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection and close every port; the folder stays."""
        await asyncio.gather(*(port.close() for port in self.ports.values()))

    def set_fault(self, server: str, fault: str) -> None:
        """Make a server behave like this from now on; "none" mends it.

        Raises UnknownFault, which lists what is known, for a server or fault that does not exist.
        """
        if server not in self.ports:
            raise UnknownFault(f"there is no server {server!r}", tuple(self.ports))
        self.ports[server].set_fault(fault)

    def describe(self, server: str, fault: str) -> str:
        """What a fault does to a server, in a sentence; "" for one that it cannot have."""
        known = self.ports[server].faults if server in self.ports else {}
        return known[fault].description if fault in known else ""

    def faults(self) -> dict[str, str]:
        """The present fault of each server."""
        return {name: server.fault for name, server in self.ports.items()}

    def profiles(self) -> Settings:
        """The ready profiles, each of which teaches something; the default one works."""
        return profiles.ready(
            self.servers, self.authority, self.graph, self.ews, apps=self._apps, ca_file=self.ca_file
        )

    def _prepare(self) -> tuple[dict[pki.Certificate, ssl.SSLContext], Signer, RegisteredApps]:
        for folder in (self.folder, self.folder / "mail"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return pki.make(self._ca_file.parent).contexts(), Signer(), register()
