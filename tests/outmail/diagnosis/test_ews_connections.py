"""The first diagnoses of Exchange Web Services on real connections: each fault of the practice Exchange."""

from __future__ import annotations

import pytest

from outmail.demo.ews.faults import EWS_FAULTS
from outmail.demo.names import DESK
from outmail.demo.tenant import PracticeTenant
from outmail.diagnosis.finding import Context, Finding
from outmail.diagnosis.match import diagnose
from tests.outmail.demo.conftest import tenant
from tests.transports.ewses import delegated, route
from tests.transports.graphs import mail
from tests.transports.watching import Watcher
from transports.base import Envelope, TransportError
from transports.ews import EwsTransport
from transports.routes import EwsRoute, Login

__all__ = ["tenant"]

_FINDINGS = {
    "throttled": "ews-throttled",
    "server-busy": "ews-throttled",
    "busy-sending": "ews-throttled",
    "unavailable": "ews-busy",
    "store-unavailable": "ews-mailbox-away",
    "times-out-after-accepting": "ews-uncertain",
    "drops-after-accepting": "ews-uncertain",
    "password-expired": "ews-password-expired",
    "ews-disabled": "ews-not-allowed",
    "access-denied": "ews-access-denied",
    "mailbox-missing": "ews-mailbox-not-found",
    "send-as-denied": "ews-send-as-denied",
    "quota": "ews-mailbox-full",
    "submission-quota": "ews-daily-limit",
    "too-large": "ews-mailbox-size-limit",
    "html": "ews-login-page",
    "redirect": "ews-owa-sign-in",
    "expired": "certificate-expired",
    "down": "ews-unreachable",
}


async def found(tenant: PracticeTenant, way: EwsRoute) -> Finding:
    """The finding of the first failure of all that a check and a send do."""
    host, _, port = tenant.ews.url.removeprefix("https://").partition("/")[0].rpartition(":")
    around = Context(
        profile="support",
        protocol="ews",
        host=host,
        port=int(port),
        security="tls",
        method="basic" if isinstance(way.login, Login) else "oauth",
        username=DESK,
        from_address=DESK,
        ca_file=str(tenant.ca_file),
    )
    transport = EwsTransport(way)
    trace = Watcher().trace
    try:
        await transport.open(trace)
        await transport.authenticate(trace)
        await transport.probe(DESK, "a@example.org", trace)
        await transport.send(Envelope(DESK, ("a@example.org",), mail("one")), trace)
    except TransportError as error:
        return diagnose(error.failure, around)
    finally:
        await transport.close()
    pytest.fail("nothing failed")


@pytest.mark.parametrize(("fault", "expected"), _FINDINGS.items())
async def test_a_fault_of_exchange_is_explained(tenant: PracticeTenant, fault: str, expected: str) -> None:
    way = route(tenant)
    tenant.set_fault("ews", fault)
    finding = await found(tenant, way)
    assert finding.id == expected
    assert finding.remedy


async def test_a_wrong_password_is_told_from_a_wrong_token(tenant: PracticeTenant) -> None:
    token = await delegated(tenant)
    tenant.set_fault("ews", "wrong-password")
    assert (await found(tenant, route(tenant))).id.startswith("ews-password-refused")
    assert (await found(tenant, token)).id.startswith("ews-token-refused")


async def test_a_server_with_basic_alone_cannot_be_used_by_ntlm(tenant: PracticeTenant) -> None:
    tenant.set_fault("ews", "only-basic")
    finding = await found(tenant, route(tenant, scheme="ntlm"))
    assert finding.id == "ews-only-basic"
    assert "Basic" in finding.cause


async def test_a_server_without_tokens_is_recognised_by_what_it_offers(tenant: PracticeTenant) -> None:
    way = await delegated(tenant)
    tenant.set_fault("ews", "only-basic")
    assert (await found(tenant, way)).id == "ews-oauth-not-enabled"


def test_the_practice_exchange_has_each_fault_that_is_explained_here() -> None:
    assert set(_FINDINGS) <= set(EWS_FAULTS)
