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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from store.atomic import sync_folder
from store.errors import ErrorKind, StoreError, cannot_read, shell
from store.maildrop import HEADER_LIMIT, SUFFIX, TEMPORARY, VERSION
from store.paths import private_folder
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_ids import MailId, micros, moment
from store.spool_shapes import Addressee, NewMail

LIMIT = 150 * 1024 * 1024
"""Bytes of one message at most, unless `collect` is told otherwise."""

_UNFINISHED = 24 * 3600.0
"""Seconds after which a file that nobody finished is removed."""

_CHUNK = 256 * 1024
_NAME = re.compile(rf"[0-9a-f]{{32}}{re.escape(SUFFIX)}")
_RECIPIENTS = 10_000


@dataclass(frozen=True, slots=True)
class Dropped:
    """The envelope of one drop. `user` is who dropped it, by the owner of the file."""

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
    """What came into the queue, and what was moved to `corrupt/` or could not be."""

    mails: tuple[MailId, ...]
    refused: tuple[StoreError, ...]


Admit = Callable[[Dropped, MailId], tuple[str, bytes]]
"""Says for a drop which profile takes it and which trace headers it gets.

It raises a StoreError of the kind `bad-input` for one that nobody may send.
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
    names = await asyncio.to_thread(_names, folder)
    if not names:
        return Collected((), ())
    for name in names:
        with spool.draft(now) as draft:
            try:
                dropped = await asyncio.to_thread(_read, folder, name, draft, limit, now)
                profile, head = admit(dropped, draft.id)
                taken = await spool.accept_once(_mail(dropped, profile, head, draft), name)
            except _Unfit as why:
                refused.append(_move(folder / name, spool.corrupt, str(why)))
                continue
            except StoreError as error:
                if error.kind is not ErrorKind.BAD_INPUT:
                    raise
                refused.append(_move(folder / name, spool.corrupt, str(error)))
                continue
        if taken is not None:
            mails.append(taken)
        with contextlib.suppress(OSError):  # it stays, and its name is known
            (folder / name).unlink()
    # Only when it is sure that the files are gone may their names be forgotten.
    with contextlib.suppress(OSError):
        await asyncio.to_thread(sync_folder, folder)
        await spool.forget_drops(lambda name: os.path.lexists(folder / name))
    return Collected(tuple(mails), tuple(refused))


def _mail(dropped: Dropped, profile: str, head: bytes, draft: Draft) -> NewMail:
    return NewMail(
        profile,
        dropped.sender,
        dropped.recipients,
        dropped.accepted,
        draft,
        head,
        f"sendmail {dropped.user}",
        dropped.smtputf8,
        dropped.eight_bit,
        dropped.ret,
        dropped.envid,
    )


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


def _read(folder: Path, name: str, draft: Draft, limit: int, now: datetime) -> Dropped:
    """The envelope; the message goes into the draft. Raises _Unfit, and StoreError for a full disk."""
    if not _NAME.fullmatch(name):
        raise _Unfit("it has not the name of a drop")
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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
            while draft.size <= dropped.size and (piece := file.read(_CHUNK)):
                draft.write(piece)
    except OSError as error:
        raise _Unfit(f"it cannot be read ({os.strerror(error.errno or 0)})") from error
    finally:
        os.close(handle)
    if (draft.size, draft.crc) != (dropped.size, crc):
        raise _Unfit("its message is not as it was written")
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
        version = header["outmail-drop"]
        if version != VERSION:
            raise _Unfit(f"its format is {version!r}, and this outmail reads {VERSION}")
        numbers = [header[key] for key in ("size", "crc", "accepted")]
        user, profile, sender, ret, envid = (
            header[key] for key in ("user", "profile", "from", "ret", "envid")
        )
        texts = [user, profile, sender, ret, envid]
        to = [Addressee(address, notify, orcpt) for address, notify, orcpt in header["to"]]
        texts += [text for one in to for text in (one.address, one.notify, one.orcpt)]
        switches = [header["smtputf8"], header["8bit"]]
        fit = (
            all(type(number) is int and number >= 0 for number in numbers)
            and all(type(text) is str and text.isprintable() for text in texts)
            and all(type(switch) is bool for switch in switches)
            and 0 < len(to) <= _RECIPIENTS
        )
        if not fit:
            raise _Unfit("its first line is not as a drop's is")
        # A time to come, by a clock that was wrong then, would let it wait until then.
        accepted = moment(min(numbers[2], micros(now)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise _Unfit("its first line is not as a drop's is") from error
    utf8, eight_bit = switches
    size, crc, _ = numbers
    dropped = Dropped(owner or user, profile, sender, tuple(to), accepted, size, utf8, eight_bit, ret, envid)
    return dropped, crc


def _move(path: Path, corrupt: Path, why: str) -> StoreError:
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
    return StoreError(ErrorKind.DAMAGED, what, why, f"it was moved; look at it: less {shell(to)}")
