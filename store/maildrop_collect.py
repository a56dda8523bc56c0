"""Moves what `sendmail` dropped into the queue, each drop exactly once, even when it is killed in between.

It must never follow a link, and never trust a file further than its owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import re
import stat
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from store.atomic import sync_folder
from store.errors import ErrorKind, StoreError, cannot_read, shell
from store.maildrop import HEADER_LIMIT, SUFFIX, TEMPORARY, VERSION
from store.paths import private_folder
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_headers import LONGEST_HEADERS, HeadersTooLong, LineEnds, Split
from store.spool_ids import MailId, micros, moment
from store.spool_shapes import Addressee, NewMail

LIMIT = 150 * 1024 * 1024
"""Bytes of one message at most, unless `collect` is told otherwise."""

_UNFINISHED = 24 * 3600.0
"""Seconds after which a file that nobody finished is removed."""

_CHUNK = 256 * 1024
_NAME = re.compile(rf"[0-9a-f]{{32}}{re.escape(SUFFIX)}")
_RECIPIENTS = 10_000
_NO_HEADER = "its first line is not as a drop's is"
_REMEMBERED = 3600 * 1_000_000
"""Microseconds for which the name of a mail is remembered, counted from when it was given: a sendmail that
the relay did not answer drops the same mail under the same name, but no later than this."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The envelope of one drop. `user` is who dropped it: the file's owner, or the socket's peer."""

    user: str
    profile: str  # asked for with `sendmail -a`, or ""
    sender: str
    recipients: tuple[Addressee, ...]
    accepted: datetime
    size: int
    smtputf8: bool
    eight_bit: bool
    ret: str
    envid: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What came into the queue, what was moved to `corrupt/` (or could not be), and what stays."""

    mails: tuple[MailId, ...]
    refused: tuple[StoreError, ...]
    waiting: tuple[StoreError, ...] = ()


Admit = Callable[[Dropped, bytes, Draft], NewMail]
"""Says for a drop what comes into the queue: its envelope, its header fields, and the draft with the rest.

It raises a StoreError: `bad-input` for one that nobody may send, `not-found` for one that stays in the
folder because nobody is there yet to send it.
"""


class _Unfit(Exception):  # noqa: N818 - the name says the state
    """A file that is no drop; the text says why."""


async def collect(
    folder: Path, spool: Spool, admit: Admit, now: datetime, *, limit: int = LIMIT
) -> Collected:
    """Move every drop in the folder into the queue, the oldest first.

    Raises StoreError where the queue takes nothing; what is not collected stays in the folder.
    """
    mails: list[MailId] = []
    refused: list[StoreError] = []
    waiting: list[StoreError] = []
    names = await asyncio.to_thread(_names, folder)
    if not names:
        return Collected((), ())
    for name in names:
        with spool.draft(now) as draft:
            split = Split(draft)
            try:
                dropped = await asyncio.to_thread(_read, folder, name, split, limit, now)
                taken = await spool.accept_once(admit(dropped, split.headers, draft), name)
            except _Unfit as why:
                refused.append(_move(folder / name, spool.corrupt, str(why)))
                continue
            except StoreError as error:
                if error.kind is ErrorKind.NOT_FOUND:
                    waiting.append(error)
                elif error.kind is ErrorKind.BAD_INPUT:
                    refused.append(_move(folder / name, spool.corrupt, error.why, error.remedy))
                else:
                    raise
                continue
        if taken is not None:
            mails.append(taken)
        with contextlib.suppress(OSError):  # it stays, and its name is known
            (folder / name).unlink()
    # Only when it is sure that the files are gone may their names be forgotten.
    with contextlib.suppress(OSError):
        await asyncio.to_thread(sync_folder, folder)
        await spool.forget_drops(lambda name: may_come(folder, name, now))
    return Collected(tuple(mails), tuple(refused), tuple(waiting))


def may_come(folder: Path, name: str, now: datetime) -> bool:
    """Whether a mail of this name lies in the folder, or may be dropped there yet."""
    return micros(now) - given(name) < _REMEMBERED or os.path.lexists(folder / name)


def given(name: str) -> int:
    """When a drop got its name, in microseconds since 1970. Raises ValueError where it is no drop's."""
    if not _NAME.fullmatch(name):
        raise ValueError("it has not the name of a drop")
    return int(name[:16], 16)


def _names(folder: Path) -> list[str]:
    """What lies in the folder, by its time; unfinished files that nobody will finish are removed."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are asked for
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot_read(folder, error) from error
    for name in names:
        if name.startswith(TEMPORARY):
            with contextlib.suppress(OSError):
                found = os.lstat(folder / name)
                if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > _UNFINISHED:
                    (folder / name).unlink()
    return [name for name in names if not name.startswith(TEMPORARY)]


def _read(folder: Path, name: str, split: Split, limit: int, now: datetime) -> Dropped:
    """The envelope; the message goes into `split`. Raises _Unfit, and StoreError for a full disk."""
    size = found = 0
    ends = LineEnds()
    try:
        given(name)
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:
        raise _Unfit(str(error)) from error
    except OSError as error:
        raise _Unfit(f"it cannot be opened ({os.strerror(error.errno or 0)})") from error
    try:
        owner = _owner(os.fstat(handle), folder.stat())
        with os.fdopen(handle, "rb", buffering=_CHUNK, closefd=False) as file:
            line = file.readline(HEADER_LIMIT)
            if not line.endswith(b"\n"):
                raise _Unfit("its first line is too long, or all there is")
            dropped, crc = _parse(line, owner, now)
            if dropped.size > limit:
                raise _Unfit(f"its message has more than {limit} bytes")
            while size <= dropped.size and (piece := file.read(_CHUNK)):
                split.take(piece)
                ends.take(piece)
                size, found = size + len(piece), zlib.crc32(piece, found)
    except OSError as error:
        raise _Unfit(f"it cannot be read ({os.strerror(error.errno or 0)})") from error
    except HeadersTooLong:
        raise _Unfit(f"its header fields have more than {LONGEST_HEADERS} bytes") from None
    finally:
        os.close(handle)
    if (size, found) != (dropped.size, crc):
        raise _Unfit("its message is not as it was written")
    if not ends.right():
        raise _Unfit("its message has a CR or LF that is not part of CR LF, or a NUL")
    return dropped


def _owner(file: os.stat_result, folder: os.stat_result) -> str | None:
    """Who dropped it, by name; None where it is the folder's owner or root, who may say so themselves."""
    if not stat.S_ISREG(file.st_mode):
        raise _Unfit("it is no regular file")
    if file.st_nlink != 1:
        raise _Unfit("it has another name elsewhere (a hard link)")
    if file.st_uid in {0, folder.st_uid}:
        return None
    if not folder.st_mode & 0o022:
        raise _Unfit(f"it belongs to another user (uid {file.st_uid}), and the folder is not shared")
    try:
        return pwd.getpwuid(file.st_uid).pw_name
    except KeyError:
        return f"uid {file.st_uid}"


def _parse(line: bytes, owner: str | None, now: datetime) -> tuple[Dropped, int]:
    try:
        header: dict[str, Any] = json.loads(line)
        size, crc = header["size"], header["crc"]
        if type(size) is not int or type(crc) is not int or size < 0:
            raise _Unfit(_NO_HEADER)
        dropped = read_envelope(header, size, now)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _Unfit(str(error) if isinstance(error, NotOurs) else _NO_HEADER) from error
    return (dropped if owner is None else replace(dropped, user=owner)), crc


class NotOurs(ValueError):  # noqa: N818 - the name says the state
    """What should be the envelope of a drop is none; the text says why."""


def read_envelope(header: dict[str, Any], size: int, now: datetime) -> Dropped:
    """What `maildrop.envelope` made, and nothing that it could not have made. Raises NotOurs."""
    try:
        version = header["outmail-drop"]
        if version != VERSION:
            raise NotOurs(f"its format is {version!r}, and this outmail reads {VERSION}")
        accepted = header["accepted"]
        user, profile, sender, ret, envid = (
            header[key] for key in ("user", "profile", "from", "ret", "envid")
        )
        texts = [user, profile, sender, ret, envid]
        to = [Addressee(address, notify, orcpt) for address, notify, orcpt in header["to"]]
        texts += [text for one in to for text in (one.address, one.notify, one.orcpt)]
        utf8, eight_bit = header["smtputf8"], header["8bit"]
        fit = (
            type(accepted) is int
            and accepted >= 0
            and all(type(text) is str and text.isprintable() for text in texts)
            and type(utf8) is bool
            and type(eight_bit) is bool
            and 0 < len(to) <= _RECIPIENTS
        )
        if not fit:
            raise NotOurs(_NO_HEADER)
        # A time to come, by a clock that was wrong then, would let it wait until then.
        when = moment(min(accepted, micros(now)))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NotOurs(_NO_HEADER) from error
    except ValueError as error:
        raise (error if isinstance(error, NotOurs) else NotOurs(_NO_HEADER)) from error
    return Dropped(user, profile, sender, tuple(to), when, size, utf8, eight_bit, ret, envid)


def _move(path: Path, corrupt: Path, why: str, remedy: str = "") -> StoreError:
    """Move a file that is no drop aside, a link as the link that it is; returns what an admin is told."""
    what = f"{path.name} in {path.parent} was not sent"
    try:
        to = private_folder(corrupt) / f"drop-{path.name}"
        while os.path.lexists(to):
            to = to.with_name(f"{to.name}.again")
        path.rename(to)
    except (OSError, StoreError) as error:
        return StoreError(
            ErrorKind.DAMAGED,
            what,
            f"{why}; and it could not be moved: {error}",
            f"remove it: rm {shell(path)}",
        )
    look = f"it was moved; look at it: less {shell(to)}"
    again = f"; {remedy}, and to have it sent: mv {shell(to)} {shell(path)}" if remedy else ""
    return StoreError(ErrorKind.DAMAGED, what, why, look + again)
