"""What people do with the queue: hold, release, retry, delete, rename, and look at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store.errors import StoreError
from store.spool_shapes import LastError, State, Which
from tests.store.spools import GREYLISTED, LARGE, NOON, later, mail, opened, result


async def test_hold_release_retry_delete(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        one, two = [await spool.accept(mail(accepted=later(hours=1))) for _ in range(2)]
        assert await spool.hold(Which(ids=(one,)), "looks like spam", NOON) == 1
        assert await spool.hold(Which(ids=(one,)), "again", NOON) == 0
        (held,) = await spool.page(Which(states=(State.HELD,)))
        assert (held.id, held.state) == (one, State.HELD)
        assert held.recipients[0].held_why == "looks like spam"
        assert await spool.retry(Which(), NOON) == 1, "what is held stays"
        (job,) = await spool.take("support", 9, NOON)
        assert job.id == two
        assert await spool.take("support", 9, later(days=9)) == []
        assert await spool.release(Which(), NOON) == 1
        assert await spool.delete([one]) == 1
        for call in (
            spool.delete([two]),
            spool.hold(Which(ids=(two,)), "x", NOON),
            spool.retry(Which(ids=(two,)), NOON),
        ):
            with pytest.raises(StoreError, match="it is being sent at this moment") as info:
                await call
            assert f"outmail queue show {two}" in info.value.remedy
        await spool.settle([result(job, State.DEAD, error=LastError("550"))], NOON)
        assert await spool.retry(Which(ids=(two,)), NOON) == 1
        (job,) = await spool.take("support", 9, NOON)
        assert (job.id, job.recipients[0].attempts) == (two, 0)
        assert spool.counts().by_profile["support"].sending == 1


async def test_what_may_have_been_taken_stays_with_its_server(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        job = await spool.accept_taken(mail())
        await spool.settle([result(job, State.UNCERTAIN, server="mx1:25")], NOON)
        assert await spool.take("support", 9, later(days=9)) == [], "not by itself, as nothing said when"
        assert await spool.hold(Which(ids=(job.id,)), "x", NOON) == 1
        assert await spool.release(Which(), NOON) == 1
        assert spool.counts().uncertain == 1
        (again,) = await spool.take("support", 9, NOON)
        assert again.recipients[0].uncertain_at == "mx1:25"
        await spool.settle([result(again, State.UNCERTAIN, server="mx1:25", due=NOON)], later(hours=1))
        (again,) = await spool.take("support", 9, later(hours=1))
        assert again.recipients[0].uncertain_since == NOON, "since the first time"
        (line,) = (await spool.show(job.id)).recipients
        assert (line.uncertain_at, line.uncertain_since) == ("mx1:25", NOON)
        assert line.to_json()["uncertain_since"] == "2026-05-04T12:00:00+00:00"
        await spool.settle([result(again, State.WAITING, due=NOON)], NOON)
        (again,) = await spool.take("support", 9, later(hours=1))
        assert again.recipients[0].uncertain_at == "", "it was asked, and had it not"


async def test_all_that_waited_for_a_cause(tmp_path: Path) -> None:
    full = LastError("452 mailbox full", scope="recipient", verdict="retry")
    async with opened(tmp_path) as spool:
        jobs = [await spool.accept_taken(mail()) for _ in range(6)]
        await spool.settle(
            [result(j, State.WAITING, due=later(hours=1), error=GREYLISTED) for j in jobs[:3]]
            + [result(j, State.HELD, error=GREYLISTED) for j in jobs[3:5]]
            + [result(jobs[5], State.WAITING, due=later(hours=1), error=full)],
            NOON,
        )
        found = [(c.cause, c.state.value, c.recipients) for c in await spool.causes()]
        assert found == [
            ("greylisted", "waiting", 3),
            ("greylisted", "held", 2),
            ("recipient/retry", "waiting", 1),
        ]
        assert (await spool.causes())[0].example == GREYLISTED
        assert {e.id for e in await spool.page(Which(cause="greylisted"))} == {j.id for j in jobs[:5]}
        assert await spool.release(Which(cause="greylisted"), NOON) == 2
        assert await spool.retry(Which(cause="greylisted"), NOON) == 3
        assert {j.id for j in await spool.take("support", 9, NOON)} == {j.id for j in jobs[:5]}


async def test_renaming_a_profile(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        sent, flying = await spool.accept_taken(mail()), await spool.accept_taken(mail())
        await spool.settle([result(sent, State.SENT)], NOON)
        await spool.accept(mail())
        await spool.move("support", "desk")
        await spool.move("never was", "desk")
        await spool.accept(mail(profile="old"))
        await spool.move("old", "desk")
        await spool.settle([result(flying, State.WAITING, due=NOON)], NOON)
        counts = spool.counts()
        assert set(counts.by_profile) == {"desk"}
        assert (counts.waiting, counts.sent) == (3, 1)
        assert len(await spool.take("desk", 9, NOON)) == 3
    async with opened(tmp_path) as spool:
        assert (spool.counts().waiting, spool.counts().sent) == (3, 1)


async def test_only_counters_stay_of_what_was_sent_and_the_dead_are_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        job = await spool.accept_taken(mail("a@x", "b@x", body=LARGE))
        await spool.settle([result(job, State.SENT, 0), result(job, State.DEAD, 1)], NOON)
        other = await spool.accept_taken(mail("a@x", "b@x"))
        await spool.settle([result(other, State.WAITING, 0, due=NOON), result(other, State.DEAD, 1)], NOON)
        assert await spool.forget_dead(NOON) == 0
        assert await spool.forget_dead(later(seconds=1)) == 2
        (entry,) = await spool.page()
        assert [r.address for r in entry.recipients] == ["a@x"]
        assert not list((tmp_path / "spool/queue/bodies").iterdir())
        assert (spool.counts().sent, spool.counts().dead, spool.counts().waiting) == (1, 0, 1)


async def test_lists_by_the_page_with_the_fields_of_the_contract(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        names = [await spool.accept(mail(profile=f"p{n % 2}")) for n in range(7)]
        assert names == sorted(names)
        pages, after = [], None
        while page := await spool.page(Which(), 3, after):
            pages.append([e.id for e in page])
            after = page[-1].id
        assert pages == [names[:3], names[3:6], names[6:]]
        assert [e.id for e in await spool.page(Which(profile="p1"))] == names[1::2]
        assert await spool.page(Which(profile="nobody")) == []
        assert await spool.page(Which(ids=())) == []
        (job,) = await spool.take("p0", 1, NOON)
        await spool.settle([result(job, State.WAITING, due=later(minutes=5), error=GREYLISTED)], NOON)
        told = json.loads(json.dumps((await spool.show(job.id)).to_json()))
        wanted = {
            "id": job.id,
            "profile": "p0",
            "state": "waiting",
            "from": "a@example.org",
            "to": ["b@example.org"],
            "size": job.stored.size,
            "attempts": 1,
            "next_attempt": "2026-05-04T12:05:00+00:00",
            "last_error": "451 4.7.1 come back later",
        }
        assert {key: told[key] for key in wanted} == wanted
        assert told["recipients"][0]["last_error"]["diagnosis"] == "greylisted"
