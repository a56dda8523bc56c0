"""The folder into which `sendmail` drops a mail while no relay runs; the relay collects it when it starts.

A drop is durable when `drop` returns. This file must import little: every run of sendmail pays for it.
"""

from __future__ import annotations

import json
import os
import zlib

TYPE_CHECKING = False  # typing would cost more than all of this file
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION = 1
"""Of the format: one line of JSON, filled up with spaces, then the message as it is to be sent.

`outmail-drop` is the version; `size` and `crc` (CRC-32) are the message's; `accepted` is in microseconds
since 1970; `to` has [address, NOTIFY, ORCPT] for each recipient. Every field of `drop` is there, no other.
"""
SUFFIX = ".mail"
HEADER_LIMIT = 1024 * 1024
"""Bytes of the first line at most; a recipient takes up to 1.5 KiB."""

TEMPORARY = "."
"""What the names of unfinished files begin with."""

_ROOM = 40  # characters for the numbers that are known only at the end


def drop(  # noqa: PLR0917 - an envelope
    folder: str | os.PathLike[str],
    user: str,
    sender: str,
    recipients: Sequence[tuple[str, str, str]],
    body: Iterable[bytes],
    accepted: int,
    *,
    profile: str = "",
    smtputf8: bool = False,
    eight_bit: bool = False,
    ret: str = "",
    envid: str = "",
) -> str:
    """Put a mail into the folder (made 0700 where there is none); returns its name there.

    `recipients` are addresses with their NOTIFY and ORCPT (RFC 3461), "" where there is none; `accepted`
    is the time in microseconds since 1970. Raises OSError, and ValueError for an envelope that is too
    long or no text; then nothing is left behind.
    """
    where = os.fspath(folder)
    header: dict[str, object] = {
        "outmail-drop": VERSION,
        "size": 0,
        "crc": 0,
        "accepted": accepted,
        "user": user,
        "profile": profile,
        "from": sender,
        "to": [list(recipient) for recipient in recipients],
        "smtputf8": smtputf8,
        "8bit": eight_bit,
        "ret": ret,
        "envid": envid,
    }
    line = json.dumps(header, ensure_ascii=False).encode()
    width = len(line) + _ROOM
    if width >= HEADER_LIMIT:
        raise ValueError("the envelope is too long")
    name = f"{accepted:016x}{os.urandom(8).hex()}{SUFFIX}"
    path, fresh = os.path.join(where, name), os.path.join(where, f"{TEMPORARY}{name}")  # noqa: PTH118
    os.makedirs(where, mode=0o700, exist_ok=True)  # noqa: PTH103
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(fresh, flags, 0o600)
    try:
        _give(handle, where)
        _write(handle, b" " * width + b"\n")
        size = crc = 0
        for piece in body:
            _write(handle, piece)
            size, crc = size + len(piece), zlib.crc32(piece, crc)
        header |= {"size": size, "crc": crc}
        os.pwrite(handle, json.dumps(header, ensure_ascii=False).encode().ljust(width), 0)
        os.fsync(handle)
        os.rename(fresh, path)  # noqa: PTH104
        _sync_folder(where)
    except BaseException:
        _forget(fresh)
        _forget(path)
        raise
    finally:
        os.close(handle)
    return name


def _give(handle: int, folder: str) -> None:
    """To whom it belongs: in a shared folder the group is the relay's own (setgid), and must read it."""
    kept = os.stat(folder)  # noqa: PTH116
    os.fchmod(handle, 0o640 if kept.st_mode & 0o022 else 0o600)
    if os.geteuid() == 0 and kept.st_uid != 0:
        os.fchown(handle, kept.st_uid, kept.st_gid)


def _forget(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync_folder(folder: str) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        os.sync()  # a folder that others may write to, but not list
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
