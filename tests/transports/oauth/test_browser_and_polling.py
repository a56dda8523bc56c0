"""The pasted address in every shape, and the wait for the person with the code."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.http import Answer
from transports.oauth import browser, polling
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, Pending
from transports.secret import Secret

REQUEST = BrowserRequest("https://x", "http://localhost:8765", Secret("st-1"), Secret("v"), Secret("n"))
ISSUER = "https://login.microsoftonline.com/organizations/v2.0"


@pytest.mark.parametrize(
    "pasted",
    [
        "http://localhost:8765/?code=c-1&state=st-1",
        "  http://localhost:8765/?code=c-1&state=st-1\n",
        "'http://localhost:8765/?code=c-1&state=st-1'",
        "http://localhost:8765/?co\n de=c-1&sta\r\nte=st-1",
        "http://localhost:8765/?code=c-1&state=st-1&session_state=abc#",
        "localhost:8765/?code=c-1&state=st-1",
        "127.0.0.1:8765/?code=c-1&state=st-1",
        "localhost:8765/#code=c-1&state=st-1",
        "?code=c-1&state=st-1",
        "#code=c-1&state=st-1",
        "code=c-1&state=st-1",
        "http://localhost:8765/#code=c-1&state=st-1",
        "https://elsewhere.example/callback?state=st-1&code=c-1",
        "http://localhost:8765/?code=c-1&state=st-1&iss=https%3A%2F%2Flogin.microsoftonline.com%2F11111111-2222-3333-4444-555555555555%2Fv2.0",
    ],
)
def test_whatever_was_pasted_the_code_is_found(pasted: str) -> None:
    assert browser.parse(pasted, REQUEST, ISSUER) == "c-1"


@pytest.mark.parametrize(
    ("pasted", "cause"),
    [
        ("", Cause.OAUTH_NOT_STANDARD),
        ("c-1", Cause.OAUTH_NOT_STANDARD),
        ("M.C507_BAY.2.U.1234", Cause.OAUTH_NOT_STANDARD),
        ("http://[::1", Cause.OAUTH_NOT_STANDARD),
        ("http://localhost:8765/?state=st-1", Cause.OAUTH_NOT_STANDARD),
        ("http://localhost:8765/?code=c-1", Cause.OAUTH_WRONG_STATE),
        ("http://localhost:8765/?code=c-1&state=st-2", Cause.OAUTH_WRONG_STATE),
        ("http://localhost:8765/?code=c-1&state=st-1&state=st-2", Cause.OAUTH_NOT_STANDARD),
        ("http://localhost:8765/?code=c-1&state=st-1&iss=https://evil.example/", Cause.OAUTH_WRONG_ISSUER),
        ("http://localhost:8765/?code=c-1&state=st-1&iss=https://[x", Cause.OAUTH_WRONG_ISSUER),
        (
            "http://localhost:8765/?code=c-1&state=st-1&iss=https://login.microsoftonline.com/other/v2.0",
            Cause.OAUTH_WRONG_ISSUER,
        ),
        (
            "http://localhost:8765/?code=c-1&state=st-1&iss=https://a.test&iss=https://b.test",
            Cause.OAUTH_NOT_STANDARD,
        ),
        ("http://localhost:8765/?code=c-1&code=c-2&state=st-1", Cause.OAUTH_NOT_STANDARD),
        ("http://localhost:8765/?code=c-1&state=st-1\udce9", Cause.OAUTH_WRONG_STATE),
        ("http://localhost:8765/?error=access_denied&state=st-1", Cause.OAUTH_DECLINED),
        ("http://localhost:8765/?error=server_error&state=st-1", Cause.OAUTH_REFUSED),
        ("http://localhost:8765/?error=x&error_description=AADSTS65004:+no&state=st-1", Cause.OAUTH_DECLINED),
        ("http://localhost:8765/?error=consent_required&state=st-1", Cause.OAUTH_REFUSED),
        ("http://localhost:8765/?error=access_denied&state=st-2", Cause.OAUTH_WRONG_STATE),
    ],
)
def test_what_does_not_belong_to_this_sign_in(pasted: str, cause: Cause) -> None:
    with pytest.raises(TransportError) as caught:
        browser.parse(pasted, REQUEST, ISSUER)
    assert caught.value.failure.cause is cause
    assert "c-1" not in repr(caught.value.failure)
    assert "st-1" not in repr(caught.value.failure)


def test_the_browsers_error_names_its_number() -> None:
    pasted = "http://localhost/?error=access_denied&error_description=AADSTS53003%3A+Blocked&state=st-1"
    with pytest.raises(TransportError) as caught:
        browser.parse(pasted, REQUEST, ISSUER)
    assert (caught.value.failure.cause, caught.value.failure.facts["aadsts"]) == (
        Cause.OAUTH_REFUSED,
        "53003",
    )


@given(
    st.text(st.characters(codec=None), max_size=300)
    | st.text(max_size=60).map(lambda t: f"http://x/?state=st-1&{t}")
)
def test_anything_pasted_is_refused_by_name(pasted: str) -> None:
    with pytest.raises(TransportError) as caught:
        browser.parse(pasted, REQUEST, ISSUER)
    assert caught.value.failure.words.isprintable()


def test_the_challenge_is_the_verifiers_sha256() -> None:
    verifier = browser.new_secret()
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    assert browser.challenge(verifier) == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert 43 <= len(verifier.reveal()) <= 128


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Script:
    """Answers polls in order, the last one for ever."""

    def __init__(self, *answers: Granted | Pending | TransportError) -> None:
        self._answers = list(answers)
        self.intervals: list[float] = []

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        self.intervals.append(interval)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(found, TransportError):
            raise found
        return found


GRANTED = Granted(Secret("t"), 3600)


def trouble(verdict: Verdict) -> TransportError:
    return TransportError(Failure(StepName.TOKEN, Scope.SIGN_IN, verdict, Cause.TIMED_OUT, words="no answer"))


async def waited(
    *answers: Granted | Pending | TransportError, seconds: float = 900
) -> tuple[Script, Clock, list[str]]:
    script, clock, told = Script(*answers), Clock(), list[str]()
    code = DeviceCode(Secret("d"), "U", "https://x", seconds, 5)
    found = await polling.wait(script, code, clock=clock, sleep=clock.sleep, tell=told.append)  # type: ignore[arg-type]
    assert found is GRANTED
    return script, clock, told


async def test_the_interval_is_obeyed_and_slow_down_is_for_good() -> None:
    script, clock, told = await waited(Pending(5), Pending(10), Pending(10), GRANTED)
    assert clock.slept == [5, 5, 10, 10]
    assert script.intervals == [5, 5, 10, 10]
    assert told == []


async def test_trouble_is_told_asked_again_more_slowly_and_forgotten() -> None:
    _, clock, told = await waited(
        Pending(5, "HTTP status 503"),
        trouble(Verdict.RETRY),
        Pending(5, "a web page"),
        Pending(5),
        Pending(5),
        GRANTED,
    )
    assert told == ["HTTP status 503", "no answer", "a web page"]
    assert clock.slept == [5, 10, 20, 30, 5, 5]


async def test_what_is_refused_ends_it_at_once() -> None:
    with pytest.raises(TransportError) as caught:
        await waited(Pending(5), trouble(Verdict.FIX_SETTINGS))
    assert caught.value.failure.verdict is Verdict.FIX_SETTINGS


async def test_the_codes_end_ends_it_and_nobody_asks_after_it() -> None:
    script = Script(Pending(5, "HTTP status 502"))
    clock = Clock()
    code = DeviceCode(Secret("d"), "U", "https://x", 60, 5)
    with pytest.raises(TransportError) as caught:
        await polling.wait(script, code, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    assert caught.value.failure.cause is Cause.OAUTH_CODE_EXPIRED
    assert clock.now == 60
    assert len(script.intervals) == len(clock.slept) - 1
    # The pauses grow with the trouble, and no further than half of what is left; never under the interval.
    assert clock.slept == [5, 10, 20, 12.5, 6.25, 5, 1.25]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("", 5),
        ("17", 17),
        (" 17 ", 17),
        ("3", 5),
        ("86400", 60),
        ("9" * 5000, 60),
        ("-20", 5),
        ("Sat, 28 Nov 2026 12:00:20 GMT", 20),
        ("Sat, 28 Nov 2026 12:00:20 -0000", 20),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 5),
        ("Sat, 28 Nov 2099 12:00:00 GMT", 60),
        ("Sat, 28 Nov 2026 12:00:20 +9999", 5),
        ("soon", 5),
        ("\u0663", 5),
    ],
)
def test_retry_after_in_both_its_shapes_and_within_reason(given: str, seconds: float) -> None:
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    heard = Answer(503, {"retry-after": given}, b"", "https://x")
    assert polling.asked_to_wait(heard, 5, now) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_a_pause_within_reason(given: str) -> None:
    heard = Answer(503, {"retry-after": given}, b"", "https://x")
    assert 5 <= polling.asked_to_wait(heard, 5, datetime(2026, 11, 28, 12, tzinfo=UTC)) <= 60
