"""How fast mail may leave: by provider, by kind of server, and as the profile says."""

from __future__ import annotations

import pytest

from outmail.engine import pacing, presets
from outmail.engine.pacing import ANYWHERE, OWN, Pacing, pacing_of
from store.profiles import Ews, Graph, Profile, Security, Server, Smtp
from store.profiles import Pacing as Wanted


def smtp(*hosts: str, wanted: Wanted | None = None) -> Profile:
    first, *others = hosts
    alternates = [Server(host=host, security=Security.TLS) for host in others]
    return Profile(
        protocol="smtp",
        from_address="a@example.org",
        smtp=Smtp(host=first, alternates=alternates),
        pacing=wanted,
    )


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("smtp.office365.com", Pacing(3, 30)),
        ("smtp.partner.outlook.cn", Pacing(3, 30)),
        ("smtp-mail.outlook.com", Pacing(3, 30)),
        ("example-org.mail.protection.outlook.com", ANYWHERE),
        ("smtp-hve.office365.com", ANYWHERE),
        ("smtp.gmail.com", Pacing(4)),
        ("smtp-relay.gmail.com", ANYWHERE),
        ("email-smtp.eu-west-1.amazonaws.com", ANYWHERE),
        ("mail.example.org", ANYWHERE),
        ("203.0.114.7", ANYWHERE),
        ("127.0.0.1", OWN),
        ("::1", OWN),
        ("fe80::1%eth0", OWN),
        ("10.1.2.3", OWN),
        ("192.168.7.7", OWN),
        ("fd00::25", OWN),
        ("localhost", OWN),
        ("exchange", OWN),
        ("mail.corp.internal", OWN),
    ],
)
def test_by_server(host: str, found: Pacing) -> None:
    assert pacing_of(smtp(host)) == found


def test_every_id_of_the_table_is_a_preset() -> None:
    assert all(presets.by_id(name) is not None for name in pacing._OF_PRESET)


def test_by_protocol() -> None:
    graph = Profile(protocol="graph", from_address="a@example.org", graph=Graph())
    ews = Profile(
        protocol="ews",
        from_address="a@example.org",
        ews=Ews(url="https://mail.example.org/EWS/Exchange.asmx"),
    )
    assert pacing_of(graph) == Pacing(4)
    assert pacing_of(ews) == Pacing(10)


def test_an_alternate_has_its_own() -> None:
    profile = smtp("10.0.0.1", "smtp.office365.com")
    assert [pacing_of(profile, place) for place in (0, 1)] == [OWN, Pacing(3, 30)]
    assert pacing_of(profile, 7) == OWN, "of a failover profile: not this one's"


def test_what_the_profile_says_stands_above() -> None:
    assert pacing_of(smtp("smtp.office365.com", wanted=Wanted(connections=1))) == Pacing(1, 30)
    assert pacing_of(smtp("smtp.office365.com", wanted=Wanted(per_minute=100))) == Pacing(3, 100)
    assert pacing_of(smtp("mail.example.org", wanted=Wanted(connections=2, per_minute=5))) == Pacing(2, 5)
