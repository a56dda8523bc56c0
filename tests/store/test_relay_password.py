"""Hashes of passwords: made with a salt of their own, read with care."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from store.relay_password import Hashed, NoHash, hash_password, of_nobody
from store.relay_settings import RelayUser

QUICK = "scrypt:2:1:1:c2FsdHNhbHQ=:" + "QUJDREVGR0hJSktMTU5PUA=="


def test_a_hash_fits_its_password_alone() -> None:
    made = hash_password(SecretStr("pässword"))
    hashed = Hashed.parse(made)
    assert str(hashed) == made
    assert hashed.fits("pässword")
    assert not hashed.fits("passwort")
    assert hash_password(SecretStr("pässword")) != made, "a salt of its own"
    assert not of_nobody().fits("")


def test_it_takes_memory_and_time() -> None:
    hashed = Hashed.parse(hash_password(SecretStr("x")))
    assert 128 * hashed.n * hashed.r >= 16 * 2**20
    assert hashed.p >= 5
    assert len(hashed.salt) >= 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "password",
        "scrypt:16384:8:5:c2FsdHNhbHQ=:",
        QUICK.replace(":2:", ":3:"),
        QUICK.replace(":2:", ":0:"),
        QUICK.replace(":1:1:", ":0:1:"),
        QUICK.replace(":2:1:1:", ":8388608:1:1:"),
        QUICK.replace(":2:1:1:", ":1048576:8:1:"),
        QUICK.replace(":2:1:1:", ":65536:8:100:"),
        QUICK.replace("c2FsdHNhbHQ=", "c2FsdHNhb=Q="),
        QUICK + "\n",
        QUICK.upper(),
    ],
)
def test_what_is_none_or_asks_for_too_much(text: str) -> None:
    with pytest.raises(NoHash, match="outmail relay hash"):
        Hashed.parse(text)


@given(
    st.text(max_size=80)
    | st.from_regex(r"scrypt:\d{1,8}:\d{1,3}:\d{1,3}:[A-Za-z0-9+/=]{8,20}:[A-Za-z0-9+/=]{16,40}")
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        hashed = Hashed.parse(text)
    except NoHash:
        return
    assert 128 * hashed.n * hashed.r <= 64 * 2**20


def test_a_user_does_not_show_its_hash() -> None:
    user = RelayUser(name="printer", password_hash=QUICK)
    assert "QUJD" not in repr(user)
    assert "QUJD" not in repr(Hashed.parse(QUICK))
