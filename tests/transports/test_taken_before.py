"""When a mail that may have been taken counts as sent, is sent, or is left to a person."""

from __future__ import annotations

import pytest

from transports.base import Cause, StepName, TransportError, Verdict
from transports.taken_before import FOUND, Found, judged, message_id
from transports.trace import OpenStep

A, B, C = "a@example.org", "b@example.org", "c@example.org"


@pytest.mark.parametrize(
    ("mails", "whole", "said"),
    [
        ([], True, ""),
        ([{A, B}], True, FOUND),
        ([{A, B, C}], True, FOUND),
        ([{"A@Example.ORG", B}], True, FOUND),
        ([{C}], True, ""),
        ([{C}, {A, B}], False, FOUND),
        ([{A}], True, None),
        ([{A}, {B}], True, None),
        ([{C}], False, None),
        ([], False, None),
    ],
)
def test_what_was_found_decides(mails: list[set[str]], whole: bool, said: str | None) -> None:
    step = OpenStep(StepName.SEND)
    if said is not None:
        assert judged(step, "hold", (A, B), Found(mails, whole)) == said
        return
    with pytest.raises(TransportError) as caught:
        judged(step, "hold", (A, B), Found(mails, whole))
    failure = caught.value.failure
    assert (failure.verdict, failure.cause) == (Verdict.UNCERTAIN, Cause.CANNOT_ASK)
    assert judged(step, "send-again", (A, B), Found(mails, whole)) == ""


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"Message-ID: <1@x>\r\n\r\n", "<1@x>"),
        (b"Subject: x\r\nmessage-id :\r\n <2@x>\r\n\r\nMessage-ID: <3@x>\r\n", "<2@x>"),
        (b"Subject: x\r\n\r\nMessage-ID: <3@x>\r\n", ""),
        (b"Message-ID: <4@x>\r\n", "<4@x>"),
        (b"", ""),
    ],
)
def test_the_number_by_which_it_is_looked_for(content: bytes, number: str) -> None:
    assert message_id(content) == number
