"""What sendmail drops while no relay runs comes into the queue exactly once, and nothing else does."""

from __future__ import annotations

import json
import os
import posix
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import store
from store import maildrop, maildrop_collect
from store.errors import ErrorKind, StoreError
from store.maildrop import HEADER_LIMIT, drop
from store.maildrop_collect import Collected, Dropped, collect
from store.spool_bodies import Draft
from store.spool_ids import micros
from store.spool_shapes import NewMail
from tests.store.drops import TRACE, admit, collected, dropped
from tests.store.spools import LARGE, NOON, later, mail, opened
from tests.store.test_crash import killed_at

ROOT = Path(store.__file__).parent.parent
NOBODY = 65534


@pytest.mark.parametrize("size", [0, 1, 5000, 300_000])
async def test_it_comes_as_it_was_dropped(tmp_path: Path, size: int) -> None:
    body = b"Subject: x\r\n\r\n" + os.urandom(size).translate(None, b"\0\r\n")
    people = [("b@x", "NEVER", "rfc822;b"), ("ü@x", "", "")]
    dropped(
        tmp_path / "drop",
        body[: size // 2],
        body[size // 2 :],
        recipients=people,
        profile="support",
        smtputf8=True,
        eight_bit=True,
        ret="FULL",
        envid="e",
    )
    async with opened(tmp_path) as spool:
        done = await collected(tmp_path, spool)
        assert done.refused == ()
        (job,) = await spool.take("support", 9, NOON)
        assert (job.id,) == done.mails
        assert [(r.address, r.notify, r.orcpt) for r in job.recipients] == people
        assert (job.sender, job.accepted, job.ret, job.envid) == ("a@x", NOON, "FULL", "e")
        assert job.smtputf8
        assert job.eight_bit
        assert await spool.content(job) == TRACE + job.id.encode() + b"\r\n" + body
        assert (await spool.show(job.id)).origin == "sendmail ann"
        assert list((tmp_path / "drop").iterdir()) == []
        assert await collected(tmp_path, spool) == Collected((), ())


async def test_the_oldest_first_and_a_time_to_come_is_now(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    for minutes in (3, 1, 2, 600):
        drop(folder, "u", f"{minutes}@x", [("b@x", "", "")], [b"x"], micros(later(minutes=minutes)))
    async with opened(tmp_path) as spool:
        done = await collect(folder, spool, admit, later(minutes=5))
        senders = [(await spool.show(name)).sender for name in done.mails]
        assert senders == ["1@x", "2@x", "3@x", "600@x"]
        assert (await spool.show(done.mails[3])).accepted == later(minutes=5)


def test_a_file_of_ours_alone_and_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def noted(name: str) -> Callable[..., object]:
        real = getattr(posix, name)
        return lambda *given: (done.append(name), real(*given))[1]  # type: ignore[func-returns-value]

    for call in ("fsync", "rename"):
        monkeypatch.setattr(posix, call, noted(call))
    name = dropped(tmp_path / "drop")
    assert done == ["fsync", "rename", "fsync"]
    assert stat.S_IMODE((tmp_path / "drop").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "drop" / name).stat().st_mode) == 0o600


def test_what_cannot_be_dropped_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="too long"):
        dropped(tmp_path / "drop", recipients=[("b" * HEADER_LIMIT, "", "")])
    with pytest.raises(UnicodeEncodeError):
        dropped(tmp_path / "drop", sender="\udce4")

    def refuse(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(posix, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        dropped(tmp_path / "drop")
    assert list((tmp_path / "drop").iterdir()) == []


def test_killed_while_dropping_leaves_a_whole_drop_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maildrop, "os", os)  # whose calls are counted
    seen = set()
    for point in range(100):
        folder = tmp_path / str(point)
        killed = killed_at(point, lambda folder=folder: dropped(folder, b"x" * 10, b"y" * 10))  # type: ignore[misc]
        whole = list(folder.glob("[0-9a-f]*.mail")) if folder.exists() else []
        for path in whole:
            assert path.read_bytes().endswith(b"\n" + b"x" * 10 + b"y" * 10)
        seen.add(len(whole))
        if not killed:
            break
    assert seen == {0, 1}
    assert point > 5


async def test_collected_once_even_when_killed_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped_as = dropped(tmp_path / "drop", b"\r\n", LARGE)
    async with opened(tmp_path) as spool:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", lambda *_a, **_n: (_ for _ in ()).throw(PermissionError()))
            (name,) = (await collected(tmp_path, spool)).mails
        assert len(list((tmp_path / "drop").iterdir())) == 1, "as if it were killed before"
    async with opened(tmp_path) as spool:
        assert await collected(tmp_path, spool) == Collected((), ())
        assert list((tmp_path / "drop").iterdir()) == []
        assert [e.id for e in await spool.page()] == [name]
        (body,) = (tmp_path / "spool/queue/bodies").iterdir()
        assert body.name == name
        assert await spool._do(lambda desk: desk.base.execute("SELECT * FROM drops").fetchall()) == [
            (dropped_as,)
        ], "for a while"


async def test_two_drops_that_are_alike_are_two_mails(tmp_path: Path) -> None:
    dropped(tmp_path / "drop")
    dropped(tmp_path / "drop")
    async with opened(tmp_path) as spool:
        assert len((await collected(tmp_path, spool)).mails) == 2


async def test_a_full_disk_leaves_the_rest_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped(tmp_path / "drop", b"\r\n", LARGE)
    async with opened(tmp_path) as spool:
        with monkeypatch.context() as patched:
            patched.setattr(
                "store.spool_bodies.Draft._flush", lambda _d: (_ for _ in ()).throw(OSError(28, "full"))
            )
            with pytest.raises(StoreError) as info:
                await collected(tmp_path, spool)
        assert info.value.kind is ErrorKind.FULL
        assert len((await collected(tmp_path, spool)).mails) == 1


async def test_one_that_nobody_may_send(tmp_path: Path) -> None:
    def refuse(_dropped: Dropped, _headers: bytes, _draft: Draft) -> NewMail:
        raise StoreError(ErrorKind.BAD_INPUT, "x", "ann may not send as a@x", "ask for it")

    name = dropped(tmp_path / "drop")
    async with opened(tmp_path) as spool:
        (error,) = (await collect(tmp_path / "drop", spool, refuse, NOON)).refused
        assert error.why == "ann may not send as a@x"
        assert "; ask for it, and to have it sent: mv " in error.remedy
        assert (tmp_path / f"spool/corrupt/drop-{name}").exists()


async def test_one_that_nobody_can_send_yet_stays_and_holds_up_no_other(tmp_path: Path) -> None:
    def nobody_yet(dropped: Dropped, headers: bytes, draft: Draft) -> NewMail:
        if dropped.sender == "early@x":
            raise StoreError(ErrorKind.NOT_FOUND, "x", "no profile is set up")
        return admit(dropped, headers, draft)

    early = dropped(tmp_path / "drop", sender="early@x")
    dropped(tmp_path / "drop", sender="b@x")
    async with opened(tmp_path) as spool:
        done = await collect(tmp_path / "drop", spool, nobody_yet, NOON)
        assert (len(done.mails), done.refused) == (1, ())
        assert [error.why for error in done.waiting] == ["no profile is set up"]
        assert [path.name for path in (tmp_path / "drop").iterdir()] == [early]
        assert len((await collected(tmp_path, spool)).mails) == 1


async def test_a_name_is_remembered_while_the_mail_may_still_be_dropped(tmp_path: Path) -> None:
    """The relay took it, its answer was lost, and something else was collected before the drop came."""
    envelope = maildrop.envelope("ann", "a@x", [("b@x", "", "")], micros(NOON))
    name = maildrop.new_name(micros(NOON))
    async with opened(tmp_path) as spool:
        await spool.accept_once(mail(), name)
        dropped(tmp_path / "drop")
        assert len((await collect(tmp_path / "drop", spool, admit, later(minutes=1))).mails) == 1
        maildrop.drop_as(name, tmp_path / "drop", envelope, [b"x"])
        assert (await collect(tmp_path / "drop", spool, admit, later(minutes=2))).mails == ()
        assert list((tmp_path / "drop").iterdir()) == []
        dropped(tmp_path / "drop")
        await collect(tmp_path / "drop", spool, admit, later(hours=2))
        assert await spool._do(lambda desk: desk.base.execute("SELECT * FROM drops").fetchall()) == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(user=TEXTS, people=st.lists(st.tuples(TEXTS, TEXTS, TEXTS)), switch=st.booleans(), time=st.integers(0))
def test_the_header_is_json(user: str, people: list[tuple[str, str, str]], switch: bool, time: int) -> None:
    header = maildrop.envelope(user, user, people, time, smtputf8=switch)
    assert json.loads(maildrop.line_of(header)) == header
    assert b"\n" not in maildrop.line_of(header)


@pytest.mark.parametrize(("system", "call"), [("ext4", "fsync"), ("overlay", "sync")])
def test_a_folder_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, call: str
) -> None:
    done: list[str] = []
    real = os.open

    def refuse(path: str, flags: int, *mode: int) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *mode)

    monkeypatch.setattr(posix, "open", refuse)
    monkeypatch.setattr(posix, "rename", lambda *_names: done.append("rename"))
    monkeypatch.setattr(posix, "fsync", lambda _handle: done.append("fsync"))
    monkeypatch.setattr(posix, "sync", lambda: done.append("sync"))
    monkeypatch.setattr(maildrop, "_file_system", lambda _device: system)
    dropped(tmp_path / "drop")
    assert done == ["fsync", "rename", call]


def test_the_kind_of_a_file_system() -> None:
    assert maildrop._file_system(Path("/proc").stat().st_dev) == "proc"
    assert maildrop._file_system(os.makedev(4095, 4095)) == ""


async def test_unfinished_ones_are_left_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drop").mkdir()
    unfinished = tmp_path / "drop" / ".0.mail"
    unfinished.write_bytes(b"half")
    async with opened(tmp_path) as spool:
        await collected(tmp_path, spool)
        assert unfinished.exists()
        monkeypatch.setattr(maildrop_collect, "_UNFINISHED", -1.0)
        await collected(tmp_path, spool)
        assert not unfinished.exists()


async def test_no_folder_is_no_mail(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        assert await collected(tmp_path, spool) == Collected((), ())


def test_dropping_imports_little() -> None:
    heavy = (
        "asyncio",
        "json",
        "os",
        "re",
        "socket",
        "pydantic",
        "sqlite3",
        "platformdirs",
        "dataclasses",
        "pathlib",
        "typing",
        "subprocess",
    )
    script = f"import store.maildrop; print(*[m for m in {heavy} if m in sys.modules])"
    command = [sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
