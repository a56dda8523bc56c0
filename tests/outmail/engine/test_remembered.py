"""What the queue remembers of an error is explained as it was when it happened."""

from __future__ import annotations

import pytest

from outmail.diagnosis.match import all_entries, diagnose
from outmail.engine.remembered import explain
from outmail.engine.wiring import context
from store.profiles import Profile, Security, Server, Smtp
from store.spool_shapes import LastError
from transports.base import Cause, Failure, Scope, StepName, Verdict

_PROFILE = Profile(
    protocol="smtp",
    from_address="helpdesk@example.org",
    smtp=Smtp(
        host="smtp.example.org",
        port=587,
        alternates=[Server(host="smtp2.example.org", port=465, security=Security.TLS)],
    ),
)


def test_an_answer_of_a_server_means_what_it_meant_then() -> None:
    words = "451 4.7.1 Greylisted, try again in five minutes"
    failure = Failure(StepName.SEND, Scope.RECIPIENT, Verdict.RETRY, Cause.ANSWER, 451, "4.7.1", words)
    then = diagnose(failure, context("support", _PROFILE))
    error = LastError(words, "451", "4.7.1", "recipient", "retry", then.id)
    assert explain("support", _PROFILE, error) == then


def test_the_remedy_names_the_server_that_the_error_is_about() -> None:
    error = LastError(
        "smtp2.example.org:465: connection refused", "", "", "server", "retry", "connection-refused"
    )
    found = explain("support", _PROFILE, error)
    assert found is not None
    assert "smtp2.example.org" in found.cause + " ".join(found.commands)


@pytest.mark.parametrize("entry", all_entries(), ids=lambda entry: entry.id)
def test_every_explanation_can_be_given_again_with_or_without_the_profile(entry: object) -> None:
    name = getattr(entry, "id")  # noqa: B009 - pytest gives objects
    error = LastError("words {of} the server", "550", "5.7.1", "sender", "reject", name)
    for profile in (_PROFILE, None):
        found = explain("support", profile, error)
        assert found is not None
        assert found.id == name
        assert found.remedy


@pytest.mark.parametrize(
    "error",
    [
        LastError("what nobody knows"),
        LastError("x", diagnosis="no-such-entry", scope="server", verdict="retry"),
        LastError("x", diagnosis="greylisted", scope="nonsense", verdict="retry"),
        LastError("x", diagnosis="greylisted"),
    ],
)
def test_what_was_not_written_by_us_is_not_explained(error: LastError) -> None:
    assert explain("support", _PROFILE, error) is None
