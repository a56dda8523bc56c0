"""Unix sockets of the relay: made with their mode from the first moment, in a folder that is ours.

A socket that an earlier relay left behind is replaced; nothing else is ever removed.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from store.errors import ErrorKind, StoreError, cannot_write

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
