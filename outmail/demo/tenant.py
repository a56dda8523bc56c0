"""The practice tenant: real mail servers on loopback where nothing can go wrong but what is asked for.

A newcomer takes the tour on it and the tests prove the program against it. It never sends a mail
anywhere, and nothing from outside this machine can reach it.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from outmail.demo import pki
from outmail.demo.faults import UnknownFault
from outmail.demo.mailbox import Mail, Mailbox
from outmail.demo.server import PracticeServer
from outmail.demo.smtp import DOMAIN, Rules
from store.profiles import Auth, Profile, Security, Server, Settings, Smtp, Tls

USERNAME = f"desk@{DOMAIN}"
PASSWORD = "open-sesame-42"  # noqa: S105 - a public password that protects nothing
_SENDERS = frozenset({USERNAME, f"support@{DOMAIN}"})
_SECURITIES = {"primary": "starttls", "alternate": "tls", "relay": "none"}


class PracticeTenant:
    """Runs the servers while its `async with` block does; certificates and mails go into `folder`.

    `slow_seconds` is how late a server with the fault "slow" gives each answer.
    """

    def __init__(self, folder: Path, slow_seconds: float = 2.0) -> None:
        self.folder = folder
        self.servers: dict[str, PracticeServer] = {}
        self._slow_seconds = slow_seconds
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
        contexts = await asyncio.to_thread(self._prepare)
        for name, security in _SECURITIES.items():
            rules = (
                Rules(name, security, slow_seconds=self._slow_seconds)
                if security == "none"
                else Rules(name, security, USERNAME, PASSWORD, _SENDERS, slow_seconds=self._slow_seconds)
            )
            self.servers[name] = PracticeServer(rules, self._mailbox, contexts)
        try:
            for server in self.servers.values():
                server.start()
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
        await asyncio.gather(*(server.close() for server in self.servers.values()))

    def set_fault(self, server: str, fault: str) -> None:
        """Make a server behave like this from now on; "none" mends it.

        Raises UnknownFault, which lists what is known, for a server or fault that does not exist.
        """
        if server not in self.servers:
            raise UnknownFault(f"there is no server {server!r}", tuple(self.servers))
        self.servers[server].set_fault(fault)

    def describe(self, server: str, fault: str) -> str:
        """What a fault does to a server, in a sentence; "" for one that it cannot have."""
        known = self.servers[server].faults if server in self.servers else {}
        return known[fault].description if fault in known else ""

    def faults(self) -> dict[str, str]:
        """The present fault of each server."""
        return {name: server.fault for name, server in self.servers.items()}

    def profiles(self) -> Settings:
        """The ready profiles, each of which teaches something; the default one works."""
        smtp = self._at("primary", alternates=[Server.model_validate(self._place("alternate"))])
        tls = Tls(ca_file=str(self.ca_file))
        right = Auth(method="basic", username=USERNAME, password=SecretStr(PASSWORD))
        wrong = Auth(method="basic", username=USERNAME, password=SecretStr("not-" + PASSWORD))

        def profile(name: str, sender: str = USERNAME, **parts: object) -> Profile:
            fields = {"smtp": smtp, "auth": right, "tls": tls, **parts}
            return Profile.model_validate(
                {"protocol": "smtp", "sender_name": name, "from_address": sender, **fields}
            )

        return Settings(
            default="practice",
            profiles={
                "practice": profile("Practice Desk", reply_to=f"support@{DOMAIN}"),
                "practice-wrong-password": profile("Practice Desk (wrong password)", auth=wrong),
                "practice-wrong-sender": profile("Practice Chief", sender=f"chief@{DOMAIN}"),
                "practice-untrusted": profile("Practice Desk (authority not trusted)", tls=None),
                "practice-plain-relay": profile(
                    "Practice Machine", smtp=self._at("relay"), auth=Auth(), tls=None
                ),
            },
        )

    def _place(self, name: str) -> dict[str, object]:
        server = self.servers[name]
        return {"host": server.host, "port": server.port, "security": Security(server.security)}

    def _at(self, name: str, alternates: list[Server] | None = None) -> Smtp:
        return Smtp.model_validate({**self._place(name), "alternates": alternates or []})

    def _prepare(self) -> dict[pki.Certificate, ssl.SSLContext]:
        for folder in (self.folder, self.folder / "mail"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return pki.make(self._ca_file.parent).contexts()
