"""The folder into which `sendmail` drops a mail while no relay runs; the relay collects it when it starts.

A drop is durable when `drop` returns. This file must import little: every run of sendmail pays for it
(json alone, by way of re, would cost as much as starting Python does, and os a third of it).
"""

from __future__ import annotations

import posix as os  # what os takes its functions from

TYPE_CHECKING = False  # typing would cost more than all of this file
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

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
_ORDERED = frozenset({"ext3", "ext4", "xfs", "btrfs"})
"""File systems that keep the order of changes: who syncs a file has synced its new name, too."""


def new_name(accepted: int) -> str:
    """A name for a drop that nobody has given before; names sort by time."""
    return f"{accepted:016x}{os.urandom(8).hex()}{SUFFIX}"


def envelope(
    user: str,
    sender: str,
    recipients: Sequence[tuple[str, str, str]],
    accepted: int,
    *,
    profile: str = "",
    smtputf8: bool = False,
    eight_bit: bool = False,
    ret: str = "",
    envid: str = "",
) -> dict[str, object]:
    """What the first line of a drop says of the mail, apart from `size` and `crc`.

    `recipients` are addresses with their NOTIFY and ORCPT (RFC 3461), "" where there is none; `accepted`
    is the time in microseconds since 1970.
    """
    return {
        "outmail-drop": VERSION,
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


def line_of(header: Mapping[str, object]) -> bytes:
    """The header as JSON, without a line end. Raises ValueError where it is too long, or no text."""
    line = _json(header).encode()
    if len(line) + _ROOM >= HEADER_LIMIT:
        raise ValueError("the envelope is too long")
    return line


def _json(value: object) -> str:
    """What json.dumps makes of the few kinds of values that a header has."""
    if isinstance(value, str):
        return '"' + "".join(_escaped(c) if c in '"\\\x7f' or c < " " else c for c in value) + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(key)}: {_json(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    raise TypeError(f"no value of a header: {type(value).__name__}")


def _escaped(character: str) -> str:
    return "\\" + character if character in '"\\' else f"\\u{ord(character):04x}"


def drop(  # noqa: PLR0917 - an envelope
    folder: str | PathLike[str],
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

    The envelope is as `envelope` has it. Raises OSError, and ValueError for an envelope that is too long
    or no text; then nothing is left behind.
    """
    header = envelope(
        user,
        sender,
        recipients,
        accepted,
        profile=profile,
        smtputf8=smtputf8,
        eight_bit=eight_bit,
        ret=ret,
        envid=envid,
    )
    name = new_name(accepted)
    drop_as(name, folder, header, body)
    return name


def drop_as(
    name: str, folder: str | PathLike[str], header: Mapping[str, object], body: Iterable[bytes]
) -> None:
    """Put a mail into the folder under this name of `new_name`, as `drop` does."""
    from binascii import crc32  # it need not be loaded where the relay takes the mail

    where = os.fspath(folder)
    width = len(line_of(header)) + _ROOM
    path, fresh = f"{where}/{name}", f"{where}/{TEMPORARY}{name}"
    _make(where)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(fresh, flags, 0o600)
    try:
        _give(handle, where)
        _write(handle, b" " * width + b"\n")
        size = crc = 0
        for piece in body:
            _write(handle, piece)
            size, crc = size + len(piece), crc32(piece, crc)
        os.pwrite(handle, line_of({**header, "size": size, "crc": crc}).ljust(width), 0)
        os.fsync(handle)
        os.rename(fresh, path)
        _sync_name(handle, where)
    except BaseException:
        _forget(fresh)
        _forget(path)
        raise
    finally:
        os.close(handle)


def _make(folder: str) -> None:
    """The folder and those above it; what root makes in a service's folder is the service's."""
    try:
        os.stat(folder or ".")
    except FileNotFoundError:
        above = folder.rstrip("/").rpartition("/")[0]
        _make(above)
    else:
        return
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    kept = os.stat(above or ".")
    if os.geteuid() == 0 and kept.st_uid != 0 and not kept.st_mode & 0o022:
        os.chown(folder, kept.st_uid, kept.st_gid, follow_symlinks=False)


def _give(handle: int, folder: str) -> None:
    """To whom it belongs: in a shared folder the group is the relay's own (setgid), and must read it."""
    kept = os.stat(folder)
    os.fchmod(handle, 0o640 if kept.st_mode & 0o022 else 0o600)
    if os.geteuid() == 0 and kept.st_uid != 0:
        os.fchown(handle, kept.st_uid, kept.st_gid)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync_name(file: int, folder: str) -> None:
    """Make the new name of the file durable.

    A folder that others may write to and not list cannot be opened, and so not synced. Syncing the file
    once more, after the rename, does the same on file systems that write their changes in order (its
    rename is a change of the file, too); elsewhere everything is synced, which may take long.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        if _file_system(os.fstat(file).st_dev) in _ORDERED:
            os.fsync(file)
        else:
            os.sync()
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _file_system(device: int) -> str:
    """The kind of file system that a device holds (proc(5): mountinfo); "" where it is not known."""
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    try:
        handle = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    table = b""
    try:
        while piece := os.read(handle, 64 * 1024):
            table += piece
    finally:
        os.close(handle)
    for line in table.split(b"\n"):
        mount, _, about = line.partition(b" - ")
        if mount.split(b" ")[2:3] == [wanted]:
            return about.split(b" ")[0].decode("ascii", "replace")
    return ""
