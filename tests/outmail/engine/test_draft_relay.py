"""A profile that is edited leaves the relay's settings as they are, and takes its new name into them."""

from __future__ import annotations

from outmail.engine import draft_pages as at
from outmail.engine.draft import Draft
from store.profiles import Profile, Settings, Smtp
from store.relay_settings import Relay

PROFILE = Profile(protocol="smtp", from_address="a@example.org", smtp=Smtp(host="smtp.example.org"))
SETTINGS = Settings(
    profiles={"desk": PROFILE},
    relay=Relay.model_validate(
        {"stop_seconds": 7, "listeners": [{"listen": "127.0.0.1:1", "profile": "desk"}]}
    ),
)


def test_the_relay_stays() -> None:
    assert Draft.of("desk", PROFILE).settings(SETTINGS) == SETTINGS


def test_a_new_name_reaches_the_listeners() -> None:
    draft = Draft.of("desk", PROFILE)
    draft.type(at.NAME, "help")
    relay = draft.settings(SETTINGS).relay
    assert relay is not None
    assert relay.listeners[0].profile == "help"
    assert relay.stop_seconds == 7
