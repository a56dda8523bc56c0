"""What follows from a profile for Graph: where it is, whose mailbox, how large a mail may be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from outmail.engine import carrying, graph
from outmail.engine.oauth_defaults import filled
from outmail.engine.token_steps import refuse_another_audience
from store.profiles import Profile, Settings
from store.tokens import Token
from transports.base import Cause, TransportError
from transports.graph_plan import LARGEST_IN_PARTS, LARGEST_MIME, ROOM_FOR_HEADERS

SMALL, LARGE = LARGEST_MIME - ROOM_FOR_HEADERS, LARGEST_IN_PARTS - ROOM_FOR_HEADERS
SMTP = Profile.model_validate(
    {"protocol": "smtp", "from_address": "a@b.test", "smtp": {"host": "localhost", "security": "none"}}
)


def profile(
    cloud: str = "global",
    username: str = "desk@b.test",
    failover: str = "",
    oauth: dict[str, object] | None = None,
) -> Profile:
    return Profile.model_validate(
        {
            "protocol": "graph",
            "from_address": "a@b.test",
            "graph": {"cloud": cloud},
            "auth": {
                "method": "oauth",
                "username": username,
                "oauth": {"tenant": "b.test", "client_id": "x", **(oauth or {})},
            },
            "failover": {"profile": failover} if failover else None,
        }
    )


@pytest.mark.parametrize(
    ("cloud", "origin"),
    [
        ("global", "https://graph.microsoft.com"),
        ("us-gov", "https://graph.microsoft.us"),
        ("us-dod", "https://dod-graph.microsoft.us"),
        ("china", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_where_it_is(cloud: str, origin: str) -> None:
    assert graph.endpoint(profile(cloud)) == origin
    assert graph.address(profile(cloud)) == f"{origin.removeprefix('https://')}/desk@b.test"
    assert origin in graph.audiences(profile(cloud))


@pytest.mark.parametrize(
    ("username", "oauth", "mailbox", "drafts"),
    [
        ("desk@b.test", {}, "", "Mail.ReadWrite"),
        ("desk@b.test", {"account": "Desk@b.test"}, "", "Mail.ReadWrite"),
        ("desk@b.test", {"account": "ann@b.test"}, "desk@b.test", "Mail.ReadWrite.Shared"),
        ("desk@b.test", {"grant": "client-credentials", "client_secret": "x"}, "desk@b.test", ".default"),
        ("", {"grant": "client-credentials", "client_secret": "x"}, "a@b.test", ".default"),
        ("", {}, "", "Mail.ReadWrite"),
    ],
)
def test_whose_mailbox_it_is_and_what_is_asked_for(
    username: str, oauth: dict[str, object], mailbox: str, drafts: str
) -> None:
    given = profile(username=username, oauth=oauth)
    assert graph.mailbox(given) == mailbox
    assert f"https://graph.microsoft.com/{drafts}" in filled(given).scopes
    assert graph.largest(given) == LARGE


@pytest.mark.parametrize(
    ("cloud", "scopes", "largest"),
    [
        ("global", None, LARGE),
        ("global", ["Mail.Send"], SMALL),
        ("global", ["Mail.ReadWrite", "Mail.Send"], LARGE),
        ("us-gov", None, SMALL),
        ("china", None, LARGE),
    ],
)
def test_how_large_a_mail_may_be(cloud: str, scopes: list[str] | None, largest: int) -> None:
    assert graph.largest(profile(cloud, oauth={"scopes": scopes})) == largest
    assert graph.headers(profile(cloud)) == (cloud != "china")


def test_a_shared_mailbox_needs_the_right_for_others_drafts() -> None:
    given = profile(oauth={"account": "ann@b.test", "scopes": ["Mail.ReadWrite", "Mail.Send.Shared"]})
    assert graph.largest(given) == SMALL


def test_the_limit_of_a_door_is_that_of_its_ways_out() -> None:
    small = profile("us-gov")
    settings = Settings(
        profiles={
            "small": small,
            "large": profile(),
            "smtp": SMTP,
            "both": profile("us-gov", failover="smtp"),
        }
    )
    assert carrying.largest(settings, ["small"]) == SMALL
    assert carrying.largest(settings, ["small", "large"]) == LARGE
    assert carrying.largest(settings, ["small", "smtp"]) is None, "a server says for itself what it takes"
    assert carrying.largest(settings, ["both"]) is None
    assert carrying.largest(settings, ["nobody"]) is None
    assert carrying.largest(settings, []) is None


def test_what_neither_way_can_carry() -> None:
    settings = Settings(
        profiles={"small": profile("us-gov"), "smtp": SMTP, "both": profile("us-gov", failover="smtp")}
    )
    assert not carrying.may_be_unfit(settings, "small", SMALL)
    assert carrying.may_be_unfit(settings, "small", SMALL + 1)
    assert not carrying.may_be_unfit(settings, "both", LARGE)
    assert not carrying.may_be_unfit(settings, "smtp", LARGE)
    found = carrying.unfit(settings, "small", b"Subject: x\r\n\r\n", LARGEST_MIME + 1)
    assert found is not None
    assert found.enhanced == "5.3.4"
    assert carrying.unfit(settings, "both", b"Subject: x\r\n\r\n", LARGEST_MIME + 1) is None


@pytest.mark.parametrize(
    ("audience", "right"),
    [
        ("https://graph.microsoft.com", True),
        ("https://graph.microsoft.com/", True),
        ("00000003-0000-0000-c000-000000000000", True),
        ("", True),
        ("https://outlook.office365.com", False),
        ("https://graph.microsoft.us", False),
    ],
)
def test_a_token_for_another_service_or_cloud_is_told(audience: str, right: bool) -> None:
    claims = {"aud": audience} if audience else {}
    now = datetime(2026, 11, 30, tzinfo=UTC)
    token = Token("x", "x", SecretStr("x"), now, None, None, now, "", (), claims, "device-code")
    if right:
        refuse_another_audience(profile(), token)
        return
    with pytest.raises(TransportError) as caught:
        refuse_another_audience(profile(), token)
    assert caught.value.failure.cause is Cause.TOKEN_AUDIENCE
    assert caught.value.failure.facts["got"] == audience
    refuse_another_audience(SMTP, token)
