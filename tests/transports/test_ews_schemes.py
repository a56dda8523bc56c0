"""What a server offers for signing in, read from its header, and what is chosen of it."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.base import Cause, TransportError
from transports.ews_schemes import Scheme, choose, offered

ONLINE = (
    'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
    'trusted_issuers="00000001-0000-0000-c000-000000000000@*", token_types="app_asserted_user_v1 '
    'service_asserted_app_v1", authorization_uri="https://login.windows.net/common/oauth2/authorize", '
    'Basic Realm=""'
)


@pytest.mark.parametrize(
    ("challenge", "names"),
    [
        ("", ()),
        ("NTLM", ("NTLM",)),
        ("Negotiate, NTLM", ("Negotiate", "NTLM")),
        ("NTLM TlRMTVNTUAACAAAA==", ("NTLM",)),
        ('Basic realm="mail.example.org"', ("Basic",)),
        ('Basic realm="NTLM, Bearer x"', ("Basic",)),
        ('Basic realm="a \\" b, NTLM"', ("Basic",)),
        ("Basic realm = x, charset = utf-8, NTLM", ("Basic", "NTLM")),
        ("basic, Basic realm=x, NTLM , ,", ("basic", "Basic", "NTLM")),
        (ONLINE, ("Bearer", "Basic")),
        ('"', ()),
    ],
)
def test_the_names_of_what_is_offered(challenge: str, names: tuple[str, ...]) -> None:
    assert offered(challenge) == names


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        (("Negotiate", "NTLM", "Basic"), "auto", Scheme.NTLM),
        (("Basic", "NTLM"), "auto", Scheme.NTLM),
        (("Negotiate",), "auto", Scheme.NTLM),
        (("Bearer", "basic"), "auto", Scheme.BASIC),
        (("NTLM", "Basic"), "basic", Scheme.BASIC),
        (("ntlm", "Basic"), "ntlm", Scheme.NTLM),
    ],
)
def test_what_is_chosen(
    names: tuple[str, ...], wanted: Literal["auto", "basic", "ntlm"], chosen: Scheme
) -> None:
    assert choose(names, wanted) is chosen


@pytest.mark.parametrize(
    ("names", "wanted", "cause"),
    [
        ((), "auto", Cause.AUTH_NOT_OFFERED),
        (("Bearer",), "auto", Cause.AUTH_NO_COMMON_MECHANISM),
        (("Digest",), "auto", Cause.AUTH_NO_COMMON_MECHANISM),
        (("Basic",), "ntlm", Cause.AUTH_NO_COMMON_MECHANISM),
        (("NTLM", "Negotiate"), "basic", Cause.AUTH_NO_COMMON_MECHANISM),
    ],
)
def test_where_nothing_fits(
    names: tuple[str, ...], wanted: Literal["auto", "basic", "ntlm"], cause: Cause
) -> None:
    with pytest.raises(TransportError) as caught:
        choose(names, wanted)
    assert caught.value.failure.cause is cause
    assert caught.value.failure.facts.get("mechanisms", "") == ", ".join(names)


@given(st.text(max_size=300))
def test_any_header_is_survived(challenge: str) -> None:
    assert all(name.isascii() for name in offered(challenge))


def test_a_long_header_of_quotes_takes_no_time() -> None:
    assert offered('Basic realm="' + '\\"' * 8000) in {(), ("Basic",)}
    assert offered('"' * 16_000) == ()
