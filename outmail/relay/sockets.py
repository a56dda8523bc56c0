"""Unix sockets of the relay: made with their mode from the first moment, in a folder that is ours.

A socket that an earlier relay left behind is replaced; nothing else is ever removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from abc import ABC, abstractmethod
from pathlib import Path

from store.errors import ErrorKind, StoreError, cannot_write

log = logging.getLogger(__name__)

LONGEST = 107
"""Bytes of a socket's path (unix(7))."""


def unix_socket(path: Path, mode: int = 0o600, gid: int = -1) -> socket.socket:
    """Bind and listen at `path`; `gid` -1 leaves the group. The caller knows that no other relay runs.

    Raises StoreError.
    """
    if len(os.fsencode(path)) > LONGEST:
        raise StoreError(
            ErrorKind.NOT_WRITABLE,
            "the relay has no socket",
            f"{path} is longer than {LONGEST} bytes, and the system takes no more",
            "choose a shorter folder with --home",
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if path.is_socket():
            path.unlink()
        os.fchmod(sock.fileno(), mode)  # Linux gives the socket's file the mode of its descriptor, less umask
        sock.bind(str(path))
        if gid != -1:
            os.chown(path, -1, gid, follow_symlinks=False)
        if stat.S_IMODE(path.lstat().st_mode) != mode:
            path.chmod(mode)
        sock.listen(64)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise cannot_write(path, error) from error
    return sock


class UnixServer(ABC):
    """Serves the clients of a Unix socket, `most` at the same time; who finds no room is hung up on.

    `limit` is of what a client may send in one line, in bytes.
    """

    def __init__(self, path: Path, mode: int, gid: int, *, most: int, limit: int) -> None:
        self._path = path
        self._mode = mode
        self._gid = gid
        self._most = most
        self._line = limit
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client; what it raises ends it, and no other."""

    async def open(self) -> None:
        """Listen. Raises StoreError."""
        sock = unix_socket(self._path, self._mode, self._gid)
        self._server = await asyncio.start_unix_server(self._client, sock=sock, limit=self._line)

    async def close(self) -> None:
        """Serve nobody any more."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with contextlib.suppress(OSError):
            self._path.unlink()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        try:
            if len(self._serving) <= self._most:
                await self._serve(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            return  # gone, too slow, or it says nothing that could be read
        except asyncio.CancelledError:
            return  # by `close`; asyncio's streams would log a cancelled task as an error
        except Exception:
            log.exception("a client of %s", self._path.name)
        finally:
            writer.close()
