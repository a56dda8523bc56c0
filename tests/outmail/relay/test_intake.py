"""One core for mail however it is handed in: its way, its name, its recipients, and what it lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path

import pytest

from outmail.relay.events import Recipient
from outmail.relay.intake import Given, Refused
from store.spool_shapes import Addressee, NewMail
from tests.outmail.handing import ADMIN, HOST, Relay, profile, relay, utc_now

HEADERS = b"From: helpdesk@example.org\r\nDate: x\r\nMessage-ID: <1@x>\r\nTo: a@b.test\r\n"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Relay]:
    async with relay(tmp_path, running=False) as found:
        yield found


def fit(place: Relay, *to: str, sender: str = "ann", headers: bytes = HEADERS, asked: str = "") -> NewMail:
    given = Given(
        sender, [Addressee(one) for one in to], "ann (x)", "local", "sendmail ann", utc_now(), asked
    )
    return place.intake.fit(given, headers, place.intake.draft())


async def test_a_mail_that_has_everything_gets_a_received_field_alone(place: Relay) -> None:
    mail = fit(place, "a@b.test")
    assert mail.head.endswith(HEADERS)
    added = mail.head.removesuffix(HEADERS).decode()
    assert added.startswith(f"Received: from ann (x)\r\n\tby {HOST} with local id {mail.body.id};\r\n\t")  # type: ignore[union-attr]
    assert added.count("\r\n") == 3


@pytest.mark.parametrize(
    ("headers", "missing"),
    [
        (b"", {"Message-ID", "Date"}),
        (b"Subject: Message-ID: x\r\nX-Date: x\r\n", {"Message-ID", "Date"}),
        (b"MESSAGE-ID: x\r\n", {"Date"}),
        (b"Message-id : x\r\ndate\t: y\r\n", set()),
        (b"DATE: y\r\n", {"Message-ID"}),
        (b"Subject: x\r\n Date: y\r\n", {"Message-ID", "Date"}),
    ],
)
async def test_what_is_missing_is_added_in_front(place: Relay, headers: bytes, missing: set[str]) -> None:
    place.profiles["support"] = profile("allow")
    mail = fit(place, "a@b.test", sender="ann@example.org", headers=headers)
    assert mail.head.endswith(headers)
    added = message_from_bytes(mail.head.removesuffix(headers))
    assert set(added.keys()) - {"Received"} == missing
    if "Message-ID" in missing:
        assert added["Message-ID"].endswith(f".{HOST}@example.org>")


@pytest.mark.parametrize("address", ["root", "postmaster", "ann@localhost", "ann@LOCALHOST", '"a b"'])
async def test_who_has_no_domain_is_the_admin_once(place: Relay, address: str) -> None:
    mail = fit(place, address, "a@b.test", "root", "a@b.test", ADMIN)
    assert [one.address for one in mail.recipients] == [ADMIN, "a@b.test"]


async def test_without_an_admin_the_setting_is_named(tmp_path: Path) -> None:
    async with relay(tmp_path, running=False, local_mail_to="") as place:
        with pytest.raises(Refused, match=r"root is a user of this machine, .*relay\.local_mail_to") as info:
            fit(place, "a@b.test", "root")
        assert info.value.setting
        assert "local_mail_to" in info.value.remedy
        assert fit(place, "a@b.test").sender == "helpdesk@example.org", "a sender is put right by the policy"
        place.profiles["support"] = profile("allow")
        with pytest.raises(Refused, match="local_mail_to"):
            fit(place, "a@b.test")


@pytest.mark.parametrize("address", ["root", "ann@localhost", '"a b"', "ann@b.test"])
async def test_before_the_mail_comes_only_a_user_without_an_admin_is_refused(
    tmp_path: Path, place: Relay, address: str
) -> None:
    assert place.intake.may_receive(Recipient(address)) is None
    async with relay(tmp_path / "other", running=False, local_mail_to="") as alone:
        refused = alone.intake.may_receive(Recipient(address))
        assert (refused is None) == (address == "ann@b.test")
        if refused is not None:
            assert refused.line.startswith(b"550 5.1.2 ")


@pytest.mark.parametrize(
    ("policy", "sender", "left"),
    [("rewrite", "ann", "helpdesk@example.org"), ("allow", "ann", ADMIN), ("allow", "", "")],
)
async def test_a_sender_without_a_domain(place: Relay, policy: str, sender: str, left: str) -> None:
    place.profiles["support"] = profile(policy)
    assert fit(place, "a@b.test", sender=sender).sender == left


async def test_profiles(place: Relay) -> None:
    place.profiles["web"] = profile()
    assert fit(place, "a@b.test", asked="web").profile == "web"
    with pytest.raises(Refused, match="There is no profile shop") as info:
        fit(place, "a@b.test", asked="shop")
    assert not info.value.later
    place.profiles.clear()
    with pytest.raises(Refused, match="No profile is set up") as info:
        fit(place, "a@b.test")
    assert info.value.later


async def test_a_mail_in_circles_and_one_that_may_not(place: Relay) -> None:
    assert fit(place, "a@b.test", headers=b"Received: x\r\n" * 49)
    with pytest.raises(Refused, match="circles"):
        fit(place, "a@b.test", headers=b"RECEIVED: x\r\n" * 50)
    place.profiles["support"] = profile("enforce")
    with pytest.raises(Refused, match=r"from helpdesk@example\.org alone") as info:
        fit(place, "a@b.test")
    assert "helpdesk@example.org" in info.value.remedy
