"""A practice session: the tenant, a home with its profiles, and a socket for commands.

Without a home it makes a private temporary one and removes it at the end.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from outmail.demo.commands import Control
from outmail.demo.control import ControlSocket
from outmail.demo.home import prepare_home
from outmail.demo.names import DESK, PASSWORD
from outmail.demo.tenant import PracticeTenant
from store.keys import KeyOptions
from store.paths import locate, private_folder

SOCKET_NAME = "demo.sock"
_LONGEST_SOCKET = 100
"""Bytes of a socket's path that every system takes (unix(7) allows 107, others 103)."""


class DemoSession:
    """`async with DemoSession(home) as session`: `.home`, `.tenant`, and `.ended`, set when told to quit.

    Raises OSError and StoreError on entry; then nothing is left behind but, in a home that was given, what
    the store made there. Profiles saved into a given home stay after the end.
    """

    def __init__(
        self, home: Path | None = None, slow_seconds: float = 2.0, keys: KeyOptions | None = None
    ) -> None:
        self._given = home
        self._slow_seconds = slow_seconds
        self._keys = keys
        self._stack = AsyncExitStack()
        self.ended = asyncio.Event()
        self.home: Path
        self.tenant: PracticeTenant
        self.control: Control
        self.socket: Path | None = None  # None where the home's path is too long for a socket
        self.profiles: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.home = await asyncio.to_thread(self._make_home, stack)
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="practice-", dir=self.home))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.tenant = await stack.enter_async_context(PracticeTenant(folder, self._slow_seconds))
            self.profiles = tuple(self.tenant.profiles().profiles)
            self.control = Control(self.tenant, self.ended.set)
            path = locate(str(self.home)).run / SOCKET_NAME
            if len(str(path).encode()) <= _LONGEST_SOCKET:
                private_folder(path.parent)
                listening = ControlSocket(self.control, path)
                await listening.open()
                stack.push_async_callback(listening.close)
                self.socket = path
            # After the socket, which only one tenant of a home can have: the profiles of one that
            # runs here already must not be led to ports that nobody serves.
            await asyncio.to_thread(prepare_home, self.tenant, self.home, self._keys)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def announcement(self) -> dict[str, object]:
        """What `outmail demo --headless` prints: where everything is and how to sign in."""
        return {
            "home": str(self.home),
            "ca_file": str(self.tenant.ca_file),
            "control": str(self.socket) if self.socket else None,
            "profiles": list(self.profiles),
            "username": DESK,
            "password": PASSWORD,
            "servers": {
                name: {
                    "host": server.host,
                    "port": server.port,
                    "address": server.address,
                    "security": server.security,
                    "fault": server.fault,
                }
                for name, server in self.tenant.servers.items()
            },
            "authority": {
                "issuer": self.tenant.authority.issuer,
                "device_page": self.tenant.authority.device_page,
                "address": self.tenant.authority.address,
                "fault": self.tenant.authority.fault,
            },
            "graph": {
                "endpoint": self.tenant.graph.origin,
                "address": self.tenant.graph.address,
                "fault": self.tenant.graph.fault,
            },
            "ews": {
                "url": self.tenant.ews.url,
                "address": self.tenant.ews.address,
                "fault": self.tenant.ews.fault,
            },
        }

    def _make_home(self, stack: AsyncExitStack) -> Path:
        if self._given is not None:
            return private_folder(self._given.expanduser().absolute())
        home = Path(tempfile.mkdtemp(prefix="outmail-demo-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        return home
