"""The queue keeps what it takes, gives it out when it is due, and says where everything stands."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from store.errors import ErrorKind, StoreError
from store.spool import Spool
from store.spool_bodies import SMALL
from store.spool_ids import Ids, MailId, decode, encode
from store.spool_shapes import (
    ALLOWED,
    Addressee,
    IllegalChange,
    LastError,
    NewMail,
    Settled,
    State,
    Which,
)
from tests.store.spools import GREYLISTED, HEAD, LARGE, NOON, later, mail, opened, result


async def test_what_is_accepted_is_given_out_as_it_came(tmp_path: Path) -> None:
    odd = b"\x00\xff binary\r\n.\r\nFrom: a bare\nLF stays\r\n"
    people = (Addressee("ü@example.org", "NEVER", "rfc822;x"), Addressee("c@example.org", "SUCCESS,DELAY"))
    sent = NewMail("support", "", people, NOON, odd, HEAD, "sendmail root", True, True, "HDRS", "id+2B")
    async with opened(tmp_path) as spool:
        name = await spool.accept(sent)
    async with opened(tmp_path) as spool:
        (job,) = await spool.take("support", 10, NOON)
        assert (job.id, job.profile, job.sender, job.accepted) == (name, "support", "", NOON)
        assert (job.smtputf8, job.eight_bit, job.ret, job.envid) == (True, True, "HDRS", "id+2B")
        told = [(d.number, d.address, d.notify, d.orcpt) for d in job.recipients]
        assert told == [(0, "ü@example.org", "NEVER", "rfc822;x"), (1, "c@example.org", "SUCCESS,DELAY", "")]
        assert await spool.content(job) == HEAD + odd
        assert await spool.content(job.id) == HEAD + odd
        assert job.stored.size == len(HEAD + odd)


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 1_000_000])
async def test_bodies_of_every_size(tmp_path: Path, size: int) -> None:
    body = (b"\r\n.abc" * (size // 6 + 1))[:size]
    async with opened(tmp_path) as spool:
        whole = await spool.accept(mail(body=body))
        with spool.draft(NOON) as draft:
            for start in range(0, size, 70_001):
                draft.write(body[start : start + 70_001])
            pieces = await spool.accept(mail(body=draft))
        files = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "spool/queue/bodies").iterdir()}
        assert files == (dict.fromkeys((whole, pieces), 0o600) if size > SMALL else {})
        jobs = await spool.take("support", 10, NOON)
        assert [job.id for job in jobs] == [whole, pieces]
        assert [await spool.content(job) for job in jobs] == [HEAD + body] * 2
        await spool.settle([result(job, State.SENT) for job in jobs], NOON)
    assert not list((tmp_path / "spool/queue/bodies").iterdir())


async def test_a_draft_is_used_once_or_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        with spool.draft(NOON) as draft:
            draft.write(LARGE)
            assert draft.path.exists()
        assert not draft.path.exists()
        with spool.draft(NOON) as draft:
            draft.write(LARGE)
            name = await spool.accept(mail(body=draft))
            with pytest.raises(StoreError, match="accepted or discarded before"):
                await spool.accept(mail(body=draft))
            with pytest.raises(StoreError, match="accepted or discarded before"):
                draft.write(LARGE)
        assert await spool.content(name) == HEAD + LARGE


async def test_what_was_sent_while_it_was_read_is_no_damage(tmp_path: Path) -> None:
    told: list[StoreError] = []
    async with opened(tmp_path, told) as spool:
        job = await spool.accept_taken(mail(body=LARGE))
        await spool.settle([result(job, State.SENT)], NOON)
        with pytest.raises(StoreError, match="there is no mail"):
            await spool.content(job)
    assert told == []
    assert not (tmp_path / "spool/corrupt").exists()


@pytest.mark.parametrize("steps", range(6))
async def test_a_client_that_goes_away_leaves_a_whole_mail_or_nothing(tmp_path: Path, steps: int) -> None:
    async with opened(tmp_path) as spool:
        task = asyncio.ensure_future(spool.accept(mail(body=LARGE)))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    async with opened(tmp_path) as spool:
        names = [e.id for e in await spool.page()]
        assert [p.name for p in (tmp_path / "spool/queue/bodies").iterdir()] == names
        assert [await spool.content(name) for name in names] == [HEAD + LARGE] * len(names)


async def test_a_large_mail_is_never_whole_in_memory_while_it_comes_and_once_when_it_is_read(
    tmp_path: Path,
) -> None:
    piece = bytes(range(256)) * 256
    async with opened(tmp_path) as spool:
        tracemalloc.start()
        try:
            with spool.draft(NOON) as draft:
                for _ in range(320):  # 20 MiB
                    draft.write(bytes(bytearray(piece)))
                job = await spool.accept_taken(mail(body=draft))
            assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
            tracemalloc.reset_peak()
            content = await spool.content(job)
            assert tracemalloc.get_traced_memory()[1] < 1.3 * len(content)
        finally:
            tracemalloc.stop()
        assert content == HEAD + piece * 320


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.accept(mail(body=LARGE))
        for path in [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_the_longest_due_comes_first_and_only_what_is_due(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        names = [await spool.accept(mail(accepted=later(seconds=s))) for s in (30, 10, 20)]
        await spool.accept(mail(profile="other"))
        assert await spool.next_due("support") == later(seconds=10)
        assert await spool.take("support", 10, later(seconds=9)) == []
        first = await spool.take("support", 2, later(minutes=1))
        assert [job.id for job in first] == [names[1], names[2]]
        assert [job.id for job in await spool.take("support", 2, later(minutes=1))] == [names[0]]
        assert await spool.take("support", 2, later(minutes=1)) == []
        assert await spool.next_due("support") is None
        assert await spool.next_due("other") == NOON
        assert await spool.next_due("unknown") is None


async def test_recipients_go_their_own_ways(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.accept(mail("a@x", "b@x", "c@x", "d@x", "e@x"))
        (job,) = await spool.take("support", 1, NOON)
        fates = [
            result(job, State.SENT, 0),
            result(job, State.WAITING, 1, due=later(minutes=5), error=GREYLISTED),
            result(job, State.DEAD, 2, error=LastError("550 no such user", "550", "5.1.1")),
            result(job, State.UNCERTAIN, 3, due=later(minutes=9), server="mx.example.org:25"),
            result(job, State.HELD, 4, error=LastError("its settings")),
        ]
        assert await spool.settle(fates, NOON) == ()
        counts = spool.counts()
        assert (counts.waiting, counts.sending, counts.uncertain, counts.held, counts.dead) == (1, 0, 1, 1, 1)
        assert counts.sent == 1
        assert counts.by_profile["support"].dead == 1
        (again,) = await spool.take("support", 9, later(minutes=5))
        (due,) = again.recipients
        assert (due.number, due.attempts, due.uncertain_at) == (1, 1, "")
        (again,) = await spool.take("support", 9, later(minutes=9))
        (due,) = again.recipients
        assert (due.number, due.uncertain_at, due.uncertain_since) == (3, "mx.example.org:25", NOON)
    async with opened(tmp_path) as spool:
        (entry,) = await spool.page()
        assert entry.state is State.UNCERTAIN
        assert {r.address: r.state.value for r in entry.recipients} == {
            "a@x": "sent",
            "b@x": "waiting",
            "c@x": "dead",
            "d@x": "uncertain",
            "e@x": "held",
        }


async def test_a_failure_of_the_settings_burns_no_attempt(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.accept(mail())
        for attempt, tries in ((False, 0), (True, 1), (False, 1), (True, 2)):
            (job,) = await spool.take("support", 1, NOON)
            told = job.recipients[0].delay_told
            await spool.settle(
                [
                    result(
                        job, State.WAITING, due=NOON, error=GREYLISTED, attempt=attempt, delay_told=tries == 1
                    )
                ],
                NOON,
            )
            (entry,) = await spool.page()
            assert entry.recipients[0].attempts == tries
        assert told
        (job,) = await spool.take("support", 1, NOON)
        assert job.recipients[0].delay_told, "once told, for good"


async def test_accepting_and_sending_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        jobs = [await spool.accept_taken(mail("a@x", "b@x", body=body)) for body in (b"small", LARGE)]
        assert spool.counts().sending == 4
        assert await spool.take("support", 9, later(days=9)) == []
        assert [await spool.content(job) for job in jobs] == [HEAD + b"small", HEAD + LARGE]
        assert [job.stored.size for job in jobs] == [len(HEAD) + 5, len(HEAD) + len(LARGE)]
        await spool.settle([result(job, State.SENT, n) for job in jobs for n in (0, 1)], NOON)
        assert spool.counts().sent == 4
        assert await spool.page() == []


async def test_only_changes_of_the_table_are_possible(tmp_path: Path) -> None:
    assert set(ALLOWED) == set(State)
    async with opened(tmp_path) as spool:
        name = await spool.accept(mail())
        for state in State:
            with pytest.raises(IllegalChange, match="a recipient that is waiting cannot become"):
                await spool.settle([Settled(name, 0, state, NOON)], NOON)
        (job,) = await spool.take("support", 1, NOON)
        with pytest.raises(IllegalChange, match="a recipient that is sending cannot become sending"):
            await spool.settle([result(job, State.SENDING)], NOON)
        good = await spool.accept_taken(mail())
        with pytest.raises(IllegalChange):
            await spool.settle(
                [result(good, State.SENT), result(job, State.SENT), result(job, State.SENT)], NOON
            )
        assert spool.counts().sending == 2, "all of a call or nothing"
        assert spool.counts().sent == 0


async def test_an_illegal_change_hurts_nobody_else_in_the_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        waiting = await spool.accept(mail())
        jobs = [await spool.accept_taken(mail()) for _ in range(5)]
        calls = [spool.settle([result(job, State.SENT)], NOON) for job in jobs]
        calls.insert(2, spool.settle([Settled(waiting, 0, State.SENT)], NOON))
        done = await asyncio.gather(*calls, spool.accept(mail()), return_exceptions=True)
        assert [type(d) for d in done] == [tuple, tuple, IllegalChange, tuple, tuple, tuple, str]
        assert (spool.counts().sent, spool.counts().waiting) == (5, 2)


async def test_what_is_not_in_the_queue_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        job = await spool.accept_taken(mail())
        ghosts = [Settled(encode(77), 0, State.SENT), Settled(job.id, 9, State.SENT)]
        assert await spool.settle([*ghosts, result(job, State.SENT)], NOON) == tuple(ghosts)
        for call in (spool.show(job.id), spool.content(job.id), spool.delete([job.id])):
            with pytest.raises(StoreError, match="there is no mail") as info:
                await call
            assert info.value.kind is ErrorKind.NOT_FOUND
        nowhere = Which(ids=(MailId("xyz"),))
        for steer in (
            spool.hold(nowhere, "why", NOON),
            spool.release(nowhere, NOON),
            spool.retry(nowhere, NOON),
        ):
            with pytest.raises(StoreError, match="there is no mail xyz"):
                await steer


@pytest.mark.parametrize("bad", ["half \udce4", ""])
async def test_an_envelope_that_cannot_be_kept(tmp_path: Path, bad: str) -> None:
    async with opened(tmp_path) as spool:
        wrong = mail(bad) if bad else mail(recipients=())
        with pytest.raises(StoreError) as info:
            await spool.accept(wrong)
        assert info.value.kind is ErrorKind.BAD_INPUT
        assert spool.counts().waiting == 0


async def test_a_clock_that_is_set_back_lets_nobody_wait_longer(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        job = await spool.accept_taken(mail())
        await spool.settle([result(job, State.WAITING, due=later(minutes=5))], NOON)
        back = timedelta(days=365)
        assert await spool.take("support", 1, NOON - back) == []
        assert await spool.next_due("support") == later(minutes=5) - back
    async with opened(tmp_path, now=NOON - 2 * back) as spool:
        assert await spool.next_due("support") == later(minutes=5) - 2 * back
        assert len(await spool.take("support", 1, later(minutes=5) - 2 * back)) == 1


async def test_a_clock_that_is_put_right_by_a_little_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.accept(mail(accepted=later(minutes=5)))
        await spool.take("support", 1, NOON)
        await spool.take("support", 1, NOON - timedelta(seconds=30))
        assert await spool.next_due("support") == later(minutes=5)


async def test_a_job_whose_caller_went_away_is_due_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.accept(mail())
        for call in (spool.take("support", 9, NOON), spool.accept_taken(mail())):
            task = asyncio.ensure_future(call)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await spool.show((await spool.page())[0].id)  # after the writer was at it
        while spool.counts().sending:
            await spool.next_due("support")
        assert spool.counts().waiting == 2
        (entry, _) = await spool.page()
        assert entry.recipients[0].crashes == 0


async def test_a_second_opener_is_told_who_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StoreError) as info:
            await Spool.open(tmp_path / "spool", "somebody else", NOON, tell=print)
        assert info.value.kind is ErrorKind.LOCKED
        assert "the mail queue is in use" in info.value.what
        assert "by test (process " in info.value.why
        assert "ps -p " in info.value.remedy
    async with opened(tmp_path) as spool:
        assert spool.counts().waiting == 0


async def test_a_second_opener_that_waits_gets_it_when_the_first_ends(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        second = asyncio.ensure_future(Spool.open(tmp_path / "spool", "next", NOON, tell=print, wait=30))
        name = await spool.accept(mail())
    spool = await second
    assert [e.id for e in await spool.page()] == [name]
    await spool.close(NOON)


async def test_a_job_that_was_not_tried_is_given_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        flying = await spool.accept_taken(mail("a@x", "b@x"))
        await spool.settle([result(flying, State.SENT, 1)], NOON)
        await spool.give_back([flying.id], later(hours=1))
        (job,) = await spool.take("support", 1, later(hours=1))
        assert [(r.number, r.attempts) for r in job.recipients] == [(0, 0)]


async def test_after_it_is_closed_it_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        pass
    with pytest.raises(StoreError, match="it is closed"):
        await spool.accept(mail())


def test_ids_grow_and_read_back() -> None:
    ids = Ids(lambda n: bytes([255]) * n)
    made = [ids.next(NOON) for _ in range(1000)]
    made += [ids.next(NOON - timedelta(days=400)) for _ in range(10)]
    made.append(ids.next(later(seconds=1)))
    assert made == sorted(set(made))
    assert {len(name) for name in made} == {13}
    assert [encode(decode(name) or 0) for name in made] == made
    for wrong in ("", "0" * 12, "0" * 14, "z" * 13, *("0" * 12 + c for c in "iloulA_ +-!٣é")):
        assert decode(wrong) is None
