"""What cannot be in the relay's settings together; and that no open relay can be saved."""

from __future__ import annotations

from typing import Any

import pytest

from store.contradictions_relay import relay_contradictions
from store.profiles import Settings
from store.relay_settings import Relay
from tests.store import samples

HASH = "scrypt:2:1:1:c2FsdHNhbHQ=:QUJDREVGR0hJSktMTU5PUA=="
USERS = [{"name": "printer", "password_hash": HASH}]
TLS = {"security": "starttls", "certificate": "/etc/x.pem"}


def problems(*listeners: dict[str, Any], **relay: object) -> dict[str, str]:
    given = [{"listen": f"127.0.0.1:{2525 + n}", **one} for n, one in enumerate(listeners)]
    settings = samples.settings().model_copy(
        update={"relay": Relay.model_validate({"listeners": given, **relay})}
    )
    return {p.field.removeprefix("relay."): p.message for p in relay_contradictions(settings)}


@pytest.mark.parametrize(
    ("listener", "field"),
    [
        ({}, ""),
        ({"security": "starttls"}, "certificate"),
        ({"security": "tls", "key": "/k"}, "certificate"),
        ({"certificate": "/c"}, "security"),
        (TLS, ""),
        ({**TLS, "listen": "unix:/run/x"}, "security"),
        ({**TLS, "auth": "required"}, "users"),
        ({**TLS, "auth": "optional", "users": USERS}, ""),
        ({**TLS, "users": USERS}, "auth"),
        ({**TLS, "auth": "required", "users": USERS * 2}, "users.1.name"),
        ({"auth": "required", "users": USERS}, "security"),
        ({"auth": "required", "users": USERS, "insecure_auth_without_tls": True}, ""),
        ({"auth": "required", "users": USERS, "listen": "unix:/run/x"}, ""),
        ({"profile": "p0"}, ""),
        ({"profile": "p9"}, "profile"),
    ],
)
def test_a_listener(listener: dict[str, Any], field: str) -> None:
    found = problems(listener)
    if not field:
        assert found == {}
    else:
        assert f"listeners.1.{field}" in found


@pytest.mark.parametrize(
    ("network", "ok"),
    [
        ("10.0.0.0/8", True),
        ("192.168.3.0/24", True),
        ("100.64.0.0/10", True),
        ("fc00::/7", True),
        ("198.51.100.0/24", True),
        ("198.51.100.7", True),
        ("2001:db8:1::/48", True),
        ("0.0.0.0/0", False),
        ("::/0", False),
        ("8.0.0.0/6", False),
        ("198.51.0.0/16", False),
        ("2001:db8::/32", False),
        ("128.0.0.0/1", False),
    ],
)
def test_strangers_are_among_them_only_where_they_must_sign_in(network: str, ok: bool) -> None:
    networks = {"networks": ["127.0.0.0/8", network]}
    signed_in = {**TLS, "auth": "required", "users": USERS}
    for listener in ({}, {**signed_in, "auth": "optional"}):
        found = problems({**listener, **networks})
        assert (found == {}) is ok
        if not ok:
            assert "open relay" in found["listeners.1.networks.2"]
    assert problems({**signed_in, **networks}) == {}


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("127.0.0.1:25", "127.0.0.1:25", True),
        ("127.0.0.1:25", "127.0.0.1:26", False),
        ("127.0.0.1:25", "10.0.0.1:25", False),
        ("0.0.0.0:25", "10.0.0.1:25", True),
        ("10.0.0.1:25", "0.0.0.0:25", True),
        ("[::]:25", "[::1]:25", True),
        ("[::]:25", "0.0.0.0:25", False),
        ("localhost:25", "127.0.0.1:25", True),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("unix:/a", "unix:/a", True),
        ("unix:/a", "unix:/b", False),
        ("systemd:a", "systemd:a", True),
    ],
)
def test_two_on_one_address(one: str, other: str, clash: bool) -> None:
    found = problems({"listen": one}, {"listen": other})
    assert ("listeners.2.listen" in found) is clash
    if clash:
        assert f"listener 1 is at {one}" in found["listeners.2.listen"]


def test_routes() -> None:
    found = problems(
        routes=[
            {"sender": "@Example.org", "profile": "p0"},
            {"sender": "@example.org", "profile": "gone"},
            {"sender": "a@example.org", "profile": "p0"},
        ]
    )
    assert found == {
        "routes.1.sender": "@example.org has several routes",
        "routes.2.sender": "@example.org has several routes",
        "routes.2.profile": "there is no profile 'gone'",
    }


def test_without_a_relay_nothing_is_wrong() -> None:
    assert relay_contradictions(Settings()) == []


def test_a_profile_that_is_renamed_is_renamed_here_too() -> None:
    relay = Relay.model_validate(
        {
            "listeners": [{"listen": "127.0.0.1:1", "profile": "a"}, {"listen": "127.0.0.1:2"}],
            "routes": [{"sender": "@x.org", "profile": "a"}, {"sender": "@y.org", "profile": "b"}],
        }
    ).renamed("a", "c")
    assert [one.profile for one in relay.listeners] == ["c", None]
    assert [one.profile for one in relay.routes] == ["c", "b"]
