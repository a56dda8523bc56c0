"""The steps `token` and `account` of a check, where the sign-in has trouble of its own."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from outmail.engine.check import check
from outmail.engine.report import Progress
from store.errors import ErrorKind
from store.profiles import Smtp
from tests.outmail.engine.token_fakes import Clock, FakeAuthority, Shelf, granted, profile, tokens
from transports.base import Status, StepName


async def test_a_check_warns_of_a_token_that_could_not_be_renewed() -> None:
    shelf, one, clock, seen = Shelf(), profile(), Clock(), list[Progress]()
    desk = tokens(shelf, FakeAuthority(), clock)
    desk.keep("p0", one, granted())
    shelf.lock = ErrorKind.FULL
    clock.pass_(minutes=57)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    closed = one.model_copy(update={"smtp": Smtp(host="127.0.0.1", port=port)})
    report = await check("p0", closed, watch=seen.append, tokens=desk)
    (token,) = [p for p in report.servers[0].steps if p.step.name is StepName.TOKEN]
    assert token.step.status is Status.WARN
    assert token.finding
    assert token.finding.id == "token-not-kept"


@pytest.mark.parametrize(("days", "warned"), [(32, False), (31, True), (1, True), (-1, True)])
async def test_a_check_warns_before_the_secret_ends(days: int, warned: bool) -> None:
    clock, seen = Clock(), list[Progress]()
    ends = (clock() + timedelta(days=days)).date()  # its midnight, and the clock stands at noon
    one = profile(grant="client-credentials", client_secret="s", tenant="t", secret_expires=ends)
    desk = tokens(Shelf(), FakeAuthority(), clock)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    closed = one.model_copy(update={"smtp": Smtp(host="127.0.0.1", port=port)})
    report = await check("p0", closed, watch=seen.append, tokens=desk)
    (token,) = [p for p in report.servers[0].steps if p.step.name is StepName.TOKEN]
    assert (token.step.status is Status.WARN) is warned
    assert (token.finding is not None and token.finding.id == "client-secret-ends-soon") is warned
