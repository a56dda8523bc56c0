"""The relay over Graph: throttled and none lost, nothing twice, and refused at the door what cannot go."""

from __future__ import annotations

import asyncio
import base64
import re
import smtplib
from collections import Counter
from pathlib import Path

import pytest

from outmail.demo.graph.faults import GraphFault
from outmail.demo.names import SUPPORT
from outmail.demo.tenant import PracticeTenant
from outmail.engine import graph
from store.profiles import Failover, Settings
from tests.outmail.relay.relays import Running, arrived, homes, relaying, until, with_relay
from tests.outmail.relay.test_service import tenant

__all__ = ["tenant"]

NAME = "practice-graph-app"
MAIL = b"From: a@practice.test\r\nTo: a@practice.test\r\nSubject: x\r\n\r\nhello\r\n"
_LINES = (b"x" * 76 + b"\r\n") * 60_000
_MIXED = b'Subject: x\r\nContent-Type: multipart/mixed; boundary="b"\r\n'
LARGE = MAIL.replace(b"Subject: x\r\n", _MIXED) + (
    b"--b\r\n\r\ntext\r\n--b\r\nContent-Disposition: attachment; filename=x\r\n\r\n" + _LINES + b"--b--\r\n"
)
SIGNED = LARGE.replace(b"multipart/mixed", b"multipart/signed")
_ID = re.compile(rb"^X-Number: (\d+)", re.MULTILINE)


def settings(tenant: PracticeTenant, failover: str = "", **more: object) -> Settings:
    """Everything goes through Graph, by an application that needs nobody to sign in."""
    found = tenant.profiles()
    profile = found.profiles[NAME].model_copy(
        update={"failover": Failover(profile=failover) if failover else None, **more}
    )
    relay = {"listeners": [{"listen": "127.0.0.1:0"}]}
    return with_relay(found, relay, profiles={**found.profiles, NAME: profile}, default=NAME)


async def test_mail_goes_through_graph_and_says_that_it_was_accepted(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), settings(tenant), ()) as relay:
        await relay.hand_in(content=MAIL)
        assert await arrived(tenant, 1) == ["graph"]
        route = await relay.route(NAME)
        await until(lambda: relay.service.spool.counts().sent == 1)
        await relay.service.ledger.write()
        (entry,) = relay.service.workspace.history.entries(1)
    assert route.address == f"{tenant.graph.origin.removeprefix('https://')}/{SUPPORT}"
    assert entry.delivery is not None
    assert entry.delivery.answer.startswith("202 Accepted")
    (mail,) = tenant.mails
    assert (mail.sender, mail.recipients) == (SUPPORT, ("a@practice.test",))
    assert b"Reply-To: a@practice.test" in mail.content, "the sender policy holds here too"


@pytest.mark.long
async def test_a_thousand_mails_through_a_graph_that_throttles(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    count = 1000
    tenant.graph.record = []
    async with relaying(homes(tmp_path), settings(tenant), ()) as relay:
        given = asyncio.create_task(hand_in_numbered(relay, count))
        throttled = 0
        while not given.done() or relay.service.spool.counts().waiting:
            tenant.graph.be(GraphFault("busy", "It throttles now and then.", throttles=3, retry_after=1.0))
            throttled += 1
            async with asyncio.timeout(120):
                seen = len(tenant.graph.record)
                while len(tenant.graph.record) < seen + 120 and not idle(relay, given):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await given
        await until(lambda: relay.service.spool.counts().sent == count)
    record = tenant.graph.record
    taken = Counter(number(one.body) for one in record if one.status == 202)
    assert taken == Counter(range(count)), "none is lost, and none came twice"
    refused = [one for one in record if one.status == 429]
    assert len(refused) >= 3 * (throttled - 1)
    for one in refused:
        until_then = one.ended + float(one.answer_headers["Retry-After"])
        # What was under way already when Graph said so could not know.
        early = [other for other in record if one.ended + 0.3 < other.began < until_then - 0.01]
        assert early == []
    assert tenant.graph.most_at_once <= 4


def idle(relay: Running, given: asyncio.Task[None]) -> bool:
    counts = relay.service.spool.counts()
    return given.done() and not counts.waiting and not counts.sending


def number(body: bytes | None) -> int:
    found = _ID.search(base64.b64decode(body or b""))
    assert found
    return int(found[1])


async def hand_in_numbered(relay: Running, count: int) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=30) as client:
            for one in range(count):
                client.sendmail("a@practice.test", ["a@practice.test"], b"X-Number: %d\r\n" % one + MAIL)

    await asyncio.to_thread(send)


async def test_a_lost_answer_is_settled_by_looking_and_not_by_sending(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), settings(tenant), ()) as relay:
        tenant.set_fault("graph", "times-out-after-accepting")
        await relay.hand_in(content=MAIL)
        await until(lambda: relay.service.spool.counts().uncertain == 1)
        assert len(tenant.mails) == 1
        tenant.set_fault("graph", "none")
        (shown,) = await relay.ask("page", which={}, limit=10)
        assert await relay.ask("retry", which={"ids": [shown["id"]]}) == 1
        await until(lambda: relay.service.spool.counts().sent == 1)
        assert len(tenant.mails) == 1
        await relay.service.ledger.write()
        told = relay.service.workspace.history.entries(1)[0].delivery
    assert told is not None
    assert "found in Sent Items" in told.answer


async def offered(relay: Running) -> tuple[int, tuple[int, bytes]]:
    """SIZE as the relay says it, and what it says to a mail of the size of LARGE."""

    def ask() -> tuple[int, tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=30) as client:
            client.ehlo()
            said = int(client.esmtp_features["size"])
            return said, client.mail("a@practice.test", [f"size={len(LARGE)}"])

    return await asyncio.to_thread(ask)


async def test_what_cannot_go_is_refused_before_it_is_accepted(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), settings(tenant), ()) as relay:
        assert (await offered(relay))[0] == 50 * 1024 * 1024
        with pytest.raises(smtplib.SMTPDataError) as caught:
            await relay.hand_in(content=SIGNED)
        assert (caught.value.smtp_code, caught.value.smtp_error[:4]) == (554, b"5.6.")
        await relay.hand_in(content=LARGE)
        await arrived(tenant, 1)
        assert relay.service.spool.counts().waiting == 0


async def test_without_upload_sessions_the_size_is_said_at_the_door(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    gov = settings(tenant)
    part = gov.profiles[NAME].graph
    assert part is not None
    own = gov.profiles[NAME]
    oauth = own.auth.oauth
    assert oauth is not None
    auth = own.auth.model_copy(update={"oauth": oauth.model_copy(update={"scopes": None})})
    given = own.model_copy(update={"graph": part.model_copy(update={"cloud": "us-gov"}), "auth": auth})
    gov = gov.model_copy(update={"profiles": {**gov.profiles, NAME: given}})
    async with relaying(homes(tmp_path), gov, ()) as relay:
        size, (code, words) = await offered(relay)
        assert size == graph.largest(given)
        assert (code, words[:5]) == (552, b"5.3.4")


async def test_what_graph_cannot_carry_goes_by_the_failover_profile_and_moves_no_other(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), settings(tenant, "practice"), ()) as relay:
        await relay.hand_in(content=SIGNED)
        assert await arrived(tenant, 1) == ["primary"]
        assert (await relay.route(NAME)).active == "primary"
        await relay.hand_in(content=MAIL)
        assert await arrived(tenant, 2) == ["primary", "graph"]


async def test_a_graph_that_is_down_is_left_for_the_failover_profile(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), settings(tenant, "practice"), ()) as relay:
        tenant.set_fault("graph", "down")
        await relay.hand_in(content=MAIL)
        assert await arrived(tenant, 1) == ["primary"]
        assert (await relay.route(NAME)).active == "practice: primary"
