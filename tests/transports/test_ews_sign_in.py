"""How EWS signs in at the practice Exchange: by NTLM, Basic or a token, once for each try, and in secret."""

from __future__ import annotations

import pytest

from outmail.demo.names import DESK, PASSWORD
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.conftest import tenant as a_tenant
from tests.transports.ewses import delegated, envelope, opened, password, refused, route, stopped, tenant
from tests.transports.graphs import Supply
from tests.transports.watching import Watcher
from transports.base import Cause, Scope, StepName, Verdict

__all__ = ["a_tenant", "tenant"]


@pytest.mark.parametrize("name", [DESK, "PRACTICE\\desk", "practice.test\\desk"])
@pytest.mark.parametrize("scheme", ["basic", "ntlm"])
async def test_each_form_of_a_user_name(tenant: PracticeTenant, name: str, scheme: str) -> None:
    watcher = Watcher()
    async with opened(route(tenant, password(name), scheme=scheme), watcher) as way:
        await way.send(envelope(), watcher.trace)
        await way.send(envelope("two"), watcher.trace)
    assert len(tenant.ews.messages) == 2
    step = watcher[StepName.AUTHENTICATE]
    assert step.facts["mechanisms"] == "NTLM, Basic, Bearer"
    assert step.facts["mechanism"] == scheme
    assert name in step.detail
    # NTLM signs in the connection, Basic each request; the one that asked for the offer did not sign in.
    assert tenant.ews.attempts == (1 if scheme == "ntlm" else 3)
    assert tenant.ews.refused_attempts == 0


@pytest.mark.parametrize("scheme", ["basic", "ntlm", "auto"])
async def test_a_wrong_password_is_tried_once(tenant: PracticeTenant, scheme: str) -> None:
    failure, watcher = await stopped(route(tenant, password(text="not-the-password"), scheme=scheme))
    assert (failure.step, failure.scope, failure.verdict, failure.code) == (
        StepName.AUTHENTICATE,
        Scope.SIGN_IN,
        Verdict.FIX_SETTINGS,
        401,
    )
    assert failure.facts["mechanisms"] == "NTLM, Basic, Bearer"
    assert (tenant.ews.attempts, tenant.ews.refused_attempts) == (1, 1)
    assert "not-the-password" not in watcher.everything()


@pytest.mark.parametrize("scheme", ["basic", "ntlm"])
async def test_a_password_that_is_wrong_from_now_on_is_tried_once_for_a_mail(
    tenant: PracticeTenant, scheme: str
) -> None:
    async with opened(route(tenant, scheme=scheme)) as way:
        tenant.set_fault("ews", "wrong-password")
        before = tenant.ews.attempts
        failure = await refused(way, envelope())
    assert (failure.scope, failure.verdict, failure.code) == (Scope.SIGN_IN, Verdict.FIX_SETTINGS, 401)
    assert tenant.ews.attempts == before + 1


@pytest.mark.parametrize(
    ("fault", "used"), [("only-ntlm", "ntlm"), ("only-basic", "basic"), ("none", "ntlm")]
)
async def test_the_scheme_is_chosen_from_what_is_offered(
    tenant: PracticeTenant, fault: str, used: str
) -> None:
    tenant.set_fault("ews", fault)
    watcher = Watcher()
    async with opened(route(tenant), watcher):
        pass
    assert watcher[StepName.AUTHENTICATE].facts["mechanism"] == used


@pytest.mark.parametrize(("fault", "scheme"), [("only-ntlm", "basic"), ("only-basic", "ntlm")])
async def test_no_password_is_sent_where_the_scheme_is_not_offered(
    tenant: PracticeTenant, fault: str, scheme: str
) -> None:
    tenant.set_fault("ews", fault)
    failure, _ = await stopped(route(tenant, scheme=scheme))
    assert failure.cause is Cause.AUTH_NO_COMMON_MECHANISM
    assert failure.facts["mechanisms"].lower() == fault.removeprefix("only-")
    assert tenant.ews.attempts == 0


@pytest.mark.parametrize("name", ["a:b", "a\0b", "\udc80"])
async def test_a_name_that_cannot_be_said_is_refused_before_anything_is_asked(
    tenant: PracticeTenant, name: str
) -> None:
    failure, _ = await stopped(route(tenant, password(name)))
    assert failure.cause is Cause.UNSAFE_TEXT
    assert tenant.ews.asked == 0


async def test_a_token_that_is_refused_is_renewed_once(tenant: PracticeTenant) -> None:
    way = await delegated(tenant)
    assert isinstance(way.login, Supply)
    way.login.tokens = ["worn-out", way.login.tokens[0]]
    async with opened(way) as transport:
        await transport.send(envelope(), Watcher().trace)
    assert len(tenant.ews.messages) == 1
    assert way.login.refused == ["worn-out"]
    tenant.set_fault("ews", "wrong-password")
    failure, _ = await stopped(way)
    assert (failure.scope, failure.verdict, failure.code) == (Scope.SIGN_IN, Verdict.FIX_SETTINGS, 401)


async def test_why_a_token_is_refused_is_told(tenant: PracticeTenant) -> None:
    failure, watcher = await stopped(route(tenant, Supply(["eyJ-no-token-at-all"])))
    assert "token" in failure.facts["diagnostics"]
    assert "eyJ-no-token" not in watcher.everything()


@pytest.mark.parametrize("scheme", ["basic", "ntlm"])
async def test_no_secret_is_in_what_is_told(
    tenant: PracticeTenant, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    way = route(tenant, scheme=scheme)
    watcher = Watcher()
    with caplog.at_level("DEBUG"):
        async with opened(way, watcher) as transport:
            await transport.probe(DESK, DESK, watcher.trace)
            await transport.send(envelope(), watcher.trace)
            tenant.set_fault("ews", "drops-after-accepting")
            await refused(transport, envelope("two"))
    assert "POST /EWS/Exchange.asmx CreateItem" in watcher.everything()
    for told in (watcher.everything(), repr(way), caplog.text):
        assert PASSWORD not in told
        assert "Authorization" not in told
        assert "MimeContent" not in told
