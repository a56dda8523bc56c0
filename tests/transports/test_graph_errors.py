"""What is read out of Graph's answers: challenges, codes, words; any body is survived, no secret shown."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.graph_bodies import CHALLENGE, CLAIMS, PAGE, TOKEN, answer, failure, graph_error
from transports.base import Cause, Failure, Scope, StepName, Verdict
from transports.graph_answers import LONGEST_WAIT, accepted, code_of
from transports.graph_errors import challenge_of, error_of

_SETTINGS = (Scope.SIGN_IN, Verdict.FIX_SETTINGS)


class TestChallenge:
    @pytest.mark.parametrize("status", [401, 403])
    def test_its_presence_is_told_and_nothing_of_it(self, status: int) -> None:
        body = graph_error(
            "InvalidAuthenticationToken", "Continuous access evaluation resulted in a challenge"
        )
        found = failure(answer(status, body, CHALLENGE))
        assert (found.scope, found.verdict) == _SETTINGS
        assert found.facts["claims_challenge"] == "yes"
        assert found.facts["insufficient_claims"] == "yes"
        assert CLAIMS not in repr(found)
        assert "nbf" not in repr(found)

    @pytest.mark.parametrize(
        ("header", "facts"),
        [
            ('Bearer realm="", client_id="00000003"', {}),
            ("Bearer claims=" + CLAIMS, {"claims_challenge": "yes"}),
            ('Bearer claims="' + CLAIMS.rstrip("=") + '"', {"claims_challenge": "yes"}),
            ('Bearer claims="####"', {"claims_challenge": "unreadable"}),
            ('Bearer claims="W10="', {"claims_challenge": "unreadable"}),
            ('Bearer claims=""', {"claims_challenge": "unreadable"}),
            ('Basic realm="proxy"', None),
            ("", None),
        ],
    )
    def test_what_the_header_says(self, header: str, facts: dict[str, str] | None) -> None:
        assert challenge_of(answer(401, b"", {"www-authenticate": header})) == facts

    def test_it_is_only_looked_for_where_a_token_was_refused(self) -> None:
        assert challenge_of(answer(500, b"", CHALLENGE)) is None

    def test_a_refused_token_needs_no_body(self) -> None:
        found = failure(answer(401, b"", {"www-authenticate": 'Bearer realm=""'}))
        assert (found.scope, found.verdict, found.cause) == (*_SETTINGS, Cause.ANSWER)
        assert found.words == "HTTP status 401"


class TestAnyBody:
    def test_no_token_and_no_address_with_a_right_in_it_is_shown(self) -> None:
        message = f"IDX10223: Lifetime validation failed {TOKEN} at https://x/y?authtoken=abc.def&z=1"
        found = failure(answer(401, graph_error("InvalidAuthenticationToken", message)))
        assert "Lifetime validation failed ***" in found.words
        assert "authtoken=***&z=1" in found.words
        assert TOKEN[:12] not in repr(found)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"error":' * 100_000,
            b"[" * 200_000,
            b'{"error":{"code":"x","innererror":' * 500 + b"{}" + b"}}" * 500,
            b'{"error":{"code":' + b"9" * 10_000 + b"}}",
            b'{"error":{"code":"' + b"A" * 3_000_000 + b'","message":"' + b"b" * 3_000_000 + b'"}}',
            b'{"error":{"code":"\\ud800\\u001b[2J","message":"\\u0000\\u202e\\n\\r"}}',
            b'\xff\xfe{"error":1}',
            b"\x00" * 1_000_000,
            PAGE * 50_000,
        ],
        ids=range(9),
    )
    def test_hostile_bodies_are_survived(self, body: bytes) -> None:
        _harmless(failure(answer(400, body)))

    @given(
        st.integers(100, 599),
        st.binary(max_size=200),
        st.dictionaries(
            st.sampled_from(["retry-after", "date", "www-authenticate", "content-type", "request-id", "x"]),
            st.text(max_size=60),
        ),
        st.booleans(),
        st.booleans(),
        st.sampled_from(StepName),
    )
    def test_any_bytes(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str],
        handed_over: bool,
        upload: bool,
        step: StepName,
    ) -> None:
        got = answer(status, body, headers)
        _harmless(failure(got, handed_over=handed_over, step=step, upload=upload))
        assert accepted(got) == (status == 202 and not body.strip())

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.floats()
            | st.integers()
            | st.text(max_size=20)
            | st.sampled_from(["ErrorSendAsDenied", "UnknownError", "ErrorMimeContentInvalid"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["error", "code", "message", "innererror", "innerError", "request-id", "date"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=20,
        ),
        st.sampled_from([200, 202, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 507]),
    )
    def test_json_of_any_shape(self, value: object, status: int) -> None:
        for whole in (value, {"error": value}):
            got = answer(status, json.dumps(whole).encode())
            found = failure(got)
            _harmless(found)
            told = error_of(got)
            if told is not None and found.cause is Cause.ANSWER:
                assert found.facts.get("graph_code", "") == code_of(told)


def _harmless(found: Failure) -> None:
    """Short, on one line, without control characters; and a mail is uncertain as a message only."""
    for text in (found.words, *found.facts.values()):
        assert len(text) <= 1001
        assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)
    assert found.words
    if found.verdict is Verdict.UNCERTAIN:
        assert found.scope is Scope.MESSAGE
    if "retry_after" in found.facts:
        assert 0 <= float(found.facts["retry_after"]) <= LONGEST_WAIT
