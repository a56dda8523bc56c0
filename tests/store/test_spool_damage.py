"""A damaged mail or database is moved aside with a clear error, and everything else goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from store.errors import ErrorKind, StoreError
from store.spool_shapes import LastError, State, Which
from tests.store.spools import HEAD, LARGE, NOON, later, mail, opened, result


def bodies(folder: Path) -> Path:
    return folder / "spool/queue/bodies"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x" * 1_000_000)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [cut, flip, lengthen, Path.unlink, link, folder_instead])
async def test_a_damaged_body_file(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    told: list[StoreError] = []
    async with opened(tmp_path, told) as spool:
        bad = await spool.accept(mail("b@x", body=LARGE))
        good = await spool.accept(mail(body=LARGE))
        damage(bodies(tmp_path) / bad)
        (job,) = await spool.take("support", 1, NOON)
        with pytest.raises(StoreError) as info:
            await spool.content(job)
        assert info.value.kind is ErrorKind.DAMAGED
        assert f"mail {bad} from <a@example.org> was taken out of the queue" in info.value.what
        assert f"cat {tmp_path}/spool/corrupt/{bad}.json" in info.value.remedy
        assert [e.id for e in await spool.page()] == [good]
        assert (spool.counts().sending, spool.counts().waiting) == (0, 1)
        (job,) = await spool.take("support", 1, NOON)
        assert job.id == good
        assert await spool.content(job) == HEAD + LARGE
    assert [str(error) for error in told] == [str(info.value)]
    corrupt = tmp_path / "spool/corrupt"
    envelope = json.loads((corrupt / f"{bad}.json").read_text())
    assert (envelope["from"], envelope["recipients"][0]["address"]) == ("a@example.org", "b@x")
    assert envelope["why"] in info.value.why
    assert (corrupt / f"{bad}.head").read_bytes() == HEAD
    if damage in {cut, flip, lengthen}:
        assert (corrupt / f"{bad}.body").exists()


def sql(folder: Path, statement: str, *values: object) -> None:
    base = sqlite3.connect(folder / "spool/queue/queue.db")
    with base:
        assert base.execute(statement, values).rowcount > 0
    base.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mails SET body = X'00' WHERE id = (SELECT MIN(id) FROM mails)",
        "UPDATE mails SET body = 'text' WHERE id = (SELECT MIN(id) FROM mails)",
        "UPDATE mails SET sender = X'07' WHERE id = (SELECT MIN(id) FROM mails)",
        "UPDATE mails SET crc = 'x' WHERE id = (SELECT MIN(id) FROM mails)",
        "UPDATE mails SET head = X'2d' || substr(head, 2) WHERE id = (SELECT MIN(id) FROM mails)",
        "UPDATE mails SET head = 5 WHERE id = (SELECT MIN(id) FROM mails)",
        "DELETE FROM mails WHERE id = (SELECT MIN(id) FROM mails)",
        "UPDATE recipients SET address = X'05' WHERE mail = (SELECT MIN(id) FROM mails)",
        "UPDATE recipients SET state = 'weiting' WHERE mail = (SELECT MIN(id) FROM mails)",
        "UPDATE recipients SET route = 99 WHERE mail = (SELECT MIN(id) FROM mails)",
    ],
)
async def test_a_damaged_row(tmp_path: Path, statement: str) -> None:
    async with opened(tmp_path) as spool:
        bad = await spool.accept(mail(sender="bad@x"))
        good = await spool.accept(mail())
    sql(tmp_path, statement)
    told: list[StoreError] = []
    async with opened(tmp_path, told) as spool:
        assert [job.id for job in await spool.take("support", 9, NOON)] == [good]
        assert [e.id for e in await spool.page()] == [good]
        assert (spool.counts().sending, spool.counts().waiting) == (1, 0)
    (error,) = told
    assert f"mail {bad}" in error.what
    assert (tmp_path / f"spool/corrupt/{bad}.json").exists()


async def test_a_damaged_mail_that_cannot_even_be_moved_is_held(tmp_path: Path) -> None:
    told: list[StoreError] = []
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool/corrupt").write_text("in the way")
    async with opened(tmp_path, told) as spool:
        bad = await spool.accept_taken(mail("a@x", "b@x", body=LARGE))
        await spool.settle([result(bad, State.SENT, 1)], NOON)
        (bodies(tmp_path) / bad.id).unlink()
        with pytest.raises(StoreError, match="is held") as info:
            await spool.content(bad)
        assert f"outmail queue release {bad.id}" in info.value.remedy
        (entry,) = await spool.page(Which(cause="damaged"))
        assert [r.state for r in entry.recipients] == [State.HELD, State.SENT]
        assert "it cannot be read" in entry.recipients[0].held_why
        assert spool.counts().held == 1
        assert await spool.take("support", 9, later(days=1)) == []
    assert len(told) == 1


async def test_an_error_text_that_is_damaged_is_shown_as_it_stands(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        job = await spool.accept_taken(mail())
        error = LastError("550 half \udce4", diagnosis="x\udce4")
        await spool.settle([result(job, State.DEAD, error=error)], NOON)
        assert (await spool.show(job.id)).recipients[0].last_error == error
    sql(tmp_path, "UPDATE recipients SET error = '[1'")
    async with opened(tmp_path) as spool:
        assert (await spool.show(job.id)).recipients[0].last_error == LastError("[1")


def overwrite(path: Path, start: int, length: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * length)


def assert_moved_aside(folder: Path, error: StoreError, had: str) -> None:
    assert error.kind is ErrorKind.DAMAGED
    assert "a new, empty one was begun" in error.what
    (aside,) = (folder / "spool/corrupt").iterdir()
    assert str(aside) in error.why
    assert f"sqlite3 {aside}/queue.db" in error.remedy
    assert (aside / "queue.db").exists()
    assert (aside / "bodies" / had).read_bytes() == LARGE


@pytest.mark.parametrize("start", [0, 4096])
async def test_a_database_that_is_damaged_when_it_is_opened(tmp_path: Path, start: int) -> None:
    told: list[StoreError] = []
    async with opened(tmp_path) as spool:
        had = await spool.accept(mail(body=LARGE))
    overwrite(tmp_path / "spool/queue/queue.db", start)
    async with opened(tmp_path, told) as spool:
        assert spool.counts().waiting == 0
        await spool.accept(mail())
    (error,) = told
    assert_moved_aside(tmp_path, error, had)
    async with opened(tmp_path, told) as spool:
        assert spool.counts().waiting == 1
    assert len(told) == 1


async def test_a_database_that_is_no_database(tmp_path: Path) -> None:
    told: list[StoreError] = []
    async with opened(tmp_path) as spool:
        had = await spool.accept(mail(body=LARGE))
    (tmp_path / "spool/queue/queue.db").write_bytes(b"hello " * 10_000)
    async with opened(tmp_path, told) as spool:
        await spool.accept(mail())
    assert_moved_aside(tmp_path, told[0], had)


async def test_a_page_that_is_damaged_while_it_is_open(tmp_path: Path) -> None:
    """It is noticed by whoever reads it; the others of that transaction are served from the new queue."""
    told: list[StoreError] = []
    async with opened(tmp_path) as spool:
        had = await spool.accept(mail(body=LARGE))
        for _ in range(300):
            await spool.accept(mail(body=b"x" * 3000))
    database = tmp_path / "spool/queue/queue.db"
    async with opened(tmp_path, told) as spool:
        draft = spool.draft(NOON)
        draft.write(LARGE)
        pages = database.stat().st_size // 4096
        base = sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)
        roots = {page for (page,) in base.execute("SELECT rootpage FROM sqlite_master")}
        base.close()
        for page in range(50, pages + 1):
            if page not in roots:
                overwrite(database, (page - 1) * 4096)
        with pytest.raises(StoreError) as info:
            await spool.take("support", 1000, NOON)
        assert_moved_aside(tmp_path, info.value, had)
        assert [str(error) for error in told] == [str(info.value)]
        new = await spool.accept(mail(body=LARGE))
        assert [job.id for job in await spool.take("support", 9, NOON)] == [new]
        with pytest.raises(StoreError, match="was not taken into the queue"):
            await spool.accept(mail(body=draft))
        assert spool.counts().waiting == 0
