"""The practice Exchange as the library exchangelib sees it; and what that sends fits the schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import exchangelib
import pytest
import requests
from exchangelib import errors
from exchangelib.properties import AlternateId
from exchangelib.protocol import BaseProtocol, CachingProtocol
from exchangelib.version import Build, Version

from outmail.demo.graph.record import Exchange
from outmail.demo.names import DESK, PASSWORD, SUPPORT
from outmail.demo.oauth.apps import APP
from outmail.demo.tenant import PracticeTenant
from store.profiles import Profile
from tests.outmail.demo.ews.caller import applications, persons
from tests.outmail.demo.graph.caller import MIME, RECIPIENTS, SEEN
from tests.servers.ews_spec import Recorder, check_all

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _of_its_own(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library as it is by itself, with our authority trusted by the environment; forgotten at the end."""
    monkeypatch.setattr(BaseProtocol, "HTTP_ADAPTER_CLS", requests.adapters.HTTPAdapter)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tenant.ca_file))
    monkeypatch.setenv("NO_PROXY", "*")
    yield
    CachingProtocol.clear_cache()


def account(tenant: PracticeTenant, how: str, credentials: Any, mailbox: str = DESK, **more: Any) -> Any:
    """An account of the library; `how` is its name for the way to sign in."""
    configuration = exchangelib.Configuration(
        service_endpoint=tenant.ews.url,
        credentials=credentials,
        auth_type=how,
        version=Version(Build(15, 2, 0, 0)),
        retry_policy=exchangelib.FailFast(),
        max_connections=1,
    )
    return exchangelib.Account(
        mailbox,
        config=configuration,
        autodiscover=False,
        access_type=more.pop("access_type", exchangelib.DELEGATE),
        default_timezone=exchangelib.EWSTimeZone("UTC"),
    )


async def within(tenant: PracticeTenant, work: Callable[[], T]) -> tuple[T, list[Exchange]]:
    """Do it in a thread, as the library blocks: what came of it, and what was asked and answered."""
    with Recorder(tenant.ews) as recorded:
        found = await asyncio.to_thread(work)
    check_all(recorded, refused_too=True)
    return found, recorded


def letter(owner: Any, mime: bytes = MIME) -> Any:
    """A mail of the library."""
    return exchangelib.Message(account=owner, mime_content=mime)


@pytest.mark.parametrize("how", [exchangelib.BASIC, exchangelib.NTLM])
@pytest.mark.parametrize("name", [DESK, r"PRACTICE\desk"])
async def test_a_password(tenant: PracticeTenant, how: str, name: str) -> None:
    def work() -> None:
        owner = account(tenant, how, exchangelib.Credentials(name, PASSWORD))
        for _ in range(3):
            letter(owner).send(save_copy=False)

    _, recorded = await within(tenant, work)
    assert [mail.content for mail in tenant.mails] == [SEEN] * 3
    assert tenant.mails[0].recipients == RECIPIENTS
    if how == exchangelib.NTLM:
        assert [each.status for each in recorded] == [401, 401, 200, 200, 200]
        assert tenant.ews.attempts == 1, "the connection is signed in"
    else:
        assert [each.status for each in recorded] == [200] * 3
        assert tenant.ews.attempts == 3
    assert tenant.ews.refused_attempts == 0
    assert tenant.ews.submissions[0].properties["Importance"] == "Normal"
    assert tenant.ews.submissions[0].anchor == DESK


@pytest.mark.parametrize("how", [exchangelib.BASIC, exchangelib.NTLM])
async def test_a_wrong_password_is_one_attempt(tenant: PracticeTenant, how: str) -> None:
    owner = account(tenant, how, exchangelib.Credentials(DESK, "wrong"))
    with pytest.raises(errors.UnauthorizedError):
        await within(tenant, lambda: letter(owner).send(save_copy=False))
    assert tenant.ews.attempts == tenant.ews.refused_attempts == 1
    assert not tenant.mails


async def test_a_copy_is_found(tenant: PracticeTenant) -> None:
    def work() -> tuple[int, list[str]]:
        owner = account(tenant, exchangelib.BASIC, exchangelib.Credentials(DESK, PASSWORD))
        letter(owner).send(save_copy=True)
        found = owner.sent.filter(message_id="<one@practice.test>").only(
            "message_id", "datetime_sent", "subject"
        )
        return int(owner.sent.total_count), [item.subject for item in found]

    (count, subjects), _ = await within(tenant, work)
    assert count in {0, 1}  # as it was when the library first asked
    assert subjects == ["Grüße"]
    assert len(tenant.mails) == len(tenant.ews.sent) == 1


@pytest.mark.parametrize("who", ["person", "application"])
async def test_tokens(tenant: PracticeTenant, who: str) -> None:
    bearer = await (persons(tenant) if who == "person" else applications(tenant))
    given = {"access_token": bearer.removeprefix("Bearer "), "token_type": "Bearer", "expires_in": 3600}
    credentials = exchangelib.OAuth2AuthorizationCodeCredentials(
        access_token=exchangelib.credentials.OAuth2Token(given)
        if hasattr(exchangelib.credentials, "OAuth2Token")
        else given
    )
    mailbox = DESK if who == "person" else SUPPORT
    kind = exchangelib.DELEGATE if who == "person" else exchangelib.IMPERSONATION
    mime = MIME.replace(DESK.encode(), mailbox.encode())

    def work() -> None:
        owner = account(tenant, exchangelib.OAUTH2, credentials, mailbox, access_type=kind)
        letter(owner, mime).send(save_copy=False)

    await within(tenant, work)
    (mail,) = tenant.mails
    assert (mail.user, mail.sender) == ((DESK, DESK) if who == "person" else (APP, SUPPORT))
    assert tenant.ews.submissions[0].impersonates == (who == "application")


async def test_small_questions(tenant: PracticeTenant) -> None:
    def work() -> tuple[list[str], str]:
        protocol = account(tenant, exchangelib.BASIC, exchangelib.Credentials(DESK, PASSWORD)).protocol
        names = [one.email_address for one in protocol.resolve_names(["support"])]
        dummy = AlternateId(id="DUMMY", format="EwsId", mailbox="DUMMY")
        (answer,) = protocol.convert_ids([dummy], destination_format="EntryId")
        return names, type(answer).__name__

    found, _ = await within(tenant, work)
    assert found == ([SUPPORT], "ErrorInvalidIdMalformed")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unavailable", errors.ErrorServerBusy),
        ("server-busy", errors.ErrorServerBusy),
        ("busy-sending", errors.ErrorServerBusy),
        ("throttled", errors.MalformedResponseError),
        ("ews-disabled", errors.MalformedResponseError),
        ("send-as-denied", errors.ErrorSendAsDenied),
        ("access-denied", errors.ErrorAccessDenied),
        ("mailbox-missing", errors.ErrorNonExistentMailbox),
        ("password-expired", errors.ErrorPasswordExpired),
        ("quota", errors.ErrorQuotaExceeded),
        ("too-large", errors.ErrorMessageSizeExceeded),
        ("wrong-password", errors.UnauthorizedError),
    ],
)
async def test_faults(tenant: PracticeTenant, fault: str, error: type[Exception]) -> None:
    owner = account(tenant, exchangelib.BASIC, exchangelib.Credentials(DESK, PASSWORD))
    tenant.set_fault("ews", fault)
    with pytest.raises(error) as caught:
        await within(tenant, lambda: letter(owner).send(save_copy=False))
    if fault == "server-busy":  # in a mail's own answer the library does not look for it
        assert getattr(caught.value, "back_off", None) == 2
    tenant.set_fault("ews", "none")
    await within(tenant, lambda: letter(owner).send(save_copy=False))
    assert len(tenant.mails) == 1


@pytest.mark.parametrize("name", ["practice-ews", "practice-ews-app"])
def test_the_ready_profiles(tenant: PracticeTenant, name: str) -> None:
    profile: Profile = tenant.profiles().profiles[name]
    assert profile.protocol == "ews"
    assert profile.ews is not None
    assert profile.ews.url == f"https://localhost:{tenant.ews.port}/EWS/Exchange.asmx"
    assert profile.auth.username == profile.from_address == (DESK if name == "practice-ews" else SUPPORT)
    if name == "practice-ews-app":
        assert profile.auth.oauth is not None
        assert profile.auth.oauth.scopes == ["https://outlook.office365.com/.default"]
