"""The control socket of the running relay: who asks is known by the kernel, and only admins are answered.

One line of JSON, one line back; a question is short, and whoever asks slowly is not waited for.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from outmail.engine.control import LONGEST_QUESTION
from outmail.relay.access import Access, Role, peer
from outmail.relay.sockets import UnixServer
from store.errors import ErrorKind, StoreError

log = logging.getLogger(__name__)

SECONDS = 10.0
"""For the question."""
MOST = 64
"""Who is answered at the same time."""

_NOT_DONE = "the relay did not do that"

Question = Mapping[str, object]
Answer = Callable[[Question, str], Awaitable[object]]
"""What a command does: gets its fields and the name of who asks; returns what JSON can hold.

It raises StoreError, and ValueError for fields that are none.
"""


class Control(UnixServer):
    """The socket at `path`. `commands` are for admins; anybody who may reach it is told that a relay runs."""

    def __init__(
        self, path: Path, access: Access, commands: Mapping[str, Answer], mode: int = 0o600, gid: int = -1
    ) -> None:
        super().__init__(path, mode, gid, most=MOST, limit=LONGEST_QUESTION)
        self._access = access
        self._commands = commands

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, uid, gid = peer(writer.get_extra_info("socket"))
        async with asyncio.timeout(SECONDS):
            line = await reader.readline()
        if not line.endswith(b"\n"):
            return
        try:
            told: dict[str, object] = {"ok": True, "answer": await self._answer(line, uid, gid)}
        except StoreError as error:
            told = _refusal(error)
        except Exception:
            log.exception("the control socket")
            told = _refusal(StoreError(ErrorKind.DAMAGED, _NOT_DONE, "a defect of outmail", "see its log"))
        writer.write(json.dumps(told).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            await writer.drain()

    async def _answer(self, line: bytes, uid: int, gid: int) -> object:
        try:
            question = json.loads(line)
            name = question["do"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _wrong("that is no question") from None
        if name == "hello":
            return {"outmail": 1}
        if self._access.role(uid, gid) is not Role.ADMIN:
            raise StoreError(
                ErrorKind.FORBIDDEN,
                "not allowed",
                f"{self._access.name(uid)} is no admin of this relay",
                "use sudo, or join its admin group ([relay.access] admin_group)",
            )
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            raise _wrong("this relay does not know that command; is it of another version?")
        try:
            return await command(question, self._access.name(uid))
        except (ValueError, KeyError, TypeError) as error:
            raise _wrong(f"its fields are wrong: {error}") from error


def _wrong(why: str) -> StoreError:
    return StoreError(ErrorKind.BAD_INPUT, _NOT_DONE, why, "restart the relay if it is older")


def _refusal(error: StoreError) -> dict[str, object]:
    told = {"kind": error.kind.value, "what": error.what, "why": error.why, "remedy": error.remedy}
    return {"ok": False, "error": told}
