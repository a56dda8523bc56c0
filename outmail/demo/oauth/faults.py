"""The faults of the practice authority: one table, read by the authority and shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from outmail.demo.faults import WELL, Fault
from outmail.demo.pki import Certificate
from outmail.demo.web import Response


class Moment(StrEnum):
    """Where in a sign-in a fault refuses."""

    BROWSER = "browser"  # the code that the browser brought is redeemed
    POLL = "poll"  # somebody asks whether the person with the device code is done
    REFRESH = "refresh"
    APP = "app"  # an application signs in by itself, with its secret


_PERSON = (Moment.BROWSER, Moment.POLL, Moment.REFRESH)

_NO_REFUSALS: Mapping[Moment, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AuthorityFault(Fault):
    """One way for the authority to be broken. `refusals` are Entra's numbers."""

    refusals: Mapping[Moment, int] = field(default_factory=lambda: _NO_REFUSALS)
    page: Response | None = None  # to programs, in place of any answer
    slow_down: bool = False  # to one poll of each code
    declines: bool = False  # whoever signs in
    device_seconds: float | None = None
    access_seconds: float | None = None
    blocks_codes: bool = False  # the browser says 53003, and the program hears nothing of it


def _html(status: int, title: str) -> Response:
    body = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(status, body.encode(), "text/html; charset=utf-8")


def _person(number: int) -> Mapping[Moment, int]:
    return MappingProxyType(dict.fromkeys(_PERSON, number))


_TABLE = (
    AuthorityFault(WELL, "Nothing is wrong: people and applications sign in."),
    AuthorityFault("down", "The authority is down: connections are refused.", listens=False),
    AuthorityFault("silent", "The authority takes connections and then says nothing at all.", greets=False),
    AuthorityFault(
        "expired", "The authority's certificate ended three days ago.", certificate=Certificate.EXPIRED
    ),
    AuthorityFault(
        "unavailable",
        "The authority has no time: it answers every program with 503.",
        page=Response(503, b'{"error":"temporarily_unavailable"}', "application/json"),
    ),
    AuthorityFault(
        "gateway",
        "A gateway on the way answers in its place, with 502 and a page for people.",
        page=_html(502, "Bad Gateway"),
    ),
    AuthorityFault(
        "portal",
        "A captive portal answers every program with a page to sign in to the network.",
        page=_html(200, "Welcome to the network: sign in here"),
    ),
    AuthorityFault(
        "slow-down", "The authority asks each program to poll less often (slow_down).", slow_down=True
    ),
    AuthorityFault(
        "code-expired", "Device codes end at once, before anybody can type them.", device_seconds=1.0
    ),
    AuthorityFault(
        "declined",
        "The person declines each time (authorization_declined).",
        declines=True,
    ),
    AuthorityFault(
        "device-blocked",
        "A policy blocks device codes: the browser says 53003, and the program hears nothing of it.",
        blocks_codes=True,
    ),
    AuthorityFault(
        "no-access", "A Conditional Access policy blocks every person (53003).", refusals=_person(53003)
    ),
    AuthorityFault(
        "not-public",
        "Public client flows are off in the registration: a secret is asked for (7000218).",
        refusals=_person(7000218),
    ),
    AuthorityFault(
        "consent-missing", "Nobody has consented to the application (65001).", refusals=_person(65001)
    ),
    AuthorityFault(
        "refresh-revoked",
        "Sign-ins were revoked, as after a password change (50173).",
        refusals=MappingProxyType({Moment.REFRESH: 50173}),
    ),
    AuthorityFault(
        "secret-expired",
        "The client secret has ended (7000222).",
        refusals=MappingProxyType({Moment.APP: 7000222}),
    ),
    AuthorityFault(
        "short-lived", "Access tokens end after a minute, and are renewed all the time.", access_seconds=60.0
    ),
)

AUTHORITY_FAULTS: Mapping[str, AuthorityFault] = MappingProxyType({fault.id: fault for fault in _TABLE})
"""Every fault by its id, in the order in which a person reads them."""
