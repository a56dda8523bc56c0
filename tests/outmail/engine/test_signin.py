"""Signing in, with an authority that plays a part: what is shown, what is compared, what is kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest

from outmail.engine.errors import EngineError
from outmail.engine.signin import (
    BrowserWanted,
    CodeShown,
    Event,
    SignedIn,
    SignIn,
    Trouble,
    ssh_line,
    why_not,
)
from store.profiles import Auth, OAuth, Profile, Smtp
from tests.servers.process import free_port
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, OAuthRoute, Pending
from transports.secret import Secret

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Part:
    """An authority that answers as a test wants."""

    def __init__(self, account: str = "desk@example.org", redirect: str = "http://localhost:1") -> None:
        self.account = account
        self.redirect = redirect
        self.polls: list[Granted | Pending | TransportError] = []
        self.redeemed: list[str] = []
        self.closed = 0
        self.route: OAuthRoute | None = None

    def __call__(self, route: OAuthRoute) -> Part:
        self.route = route
        return self

    def granted(self) -> Granted:
        return Granted(Secret("access-token"), 3600, Secret("refresh-token"), account=self.account)

    async def device_code(self) -> DeviceCode:
        return DeviceCode(Secret("d-code"), "ABCD-EFGH", "https://login.example.org/device", 900, 0.001)

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        found = self.polls.pop(0) if self.polls else self.granted()
        if isinstance(found, TransportError):
            raise found
        return found

    async def browser_request(self) -> BrowserRequest:
        url = "https://login.example.org/authorize?state=s-t-a-t-e"
        return BrowserRequest(url, self.redirect, Secret("s-t-a-t-e"), Secret("v"), Secret("n"))

    async def redeem(self, request: BrowserRequest, answer: str) -> Granted:
        self.redeemed.append(answer)
        return self.granted()

    async def app_only(self) -> Granted:
        return Granted(Secret("app-token"), 3600)

    async def refresh(self, refresh_token: Secret) -> Granted:
        raise AssertionError("a sign-in never refreshes")

    async def close(self) -> None:
        self.closed += 1


class Kept:
    """The part of Tokens that a sign-in uses."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Profile, Granted]] = []

    def keep(self, name: str, profile: Profile, granted: Granted) -> Any:
        self.kept.append((name, profile, granted))
        return SimpleNamespace(account=granted.account, expires_at=NOW + timedelta(hours=1))


def profile(**oauth: object) -> Profile:
    return Profile(
        protocol="smtp",
        from_address="desk@example.org",
        smtp=Smtp(host="smtp.example.org"),
        auth=Auth(
            method="oauth",
            username="desk@example.org",
            oauth=OAuth.model_validate({"client_id": "app-1", **oauth}),
        ),
    )


def signing_in(part: Part, of: Profile | None = None) -> tuple[SignIn, Kept, list[Event]]:
    kept, events = Kept(), list[Event]()
    sign_in = SignIn(
        "support",
        of or profile(),
        kept,  # type: ignore[arg-type]
        events.append,
        open_authority=part,
        now=lambda: NOW,
        env={},
    )
    return sign_in, kept, events


async def test_a_device_code_is_shown_waited_for_and_kept() -> None:
    part = Part()
    part.polls = [Pending(0.001), Pending(0.001, trouble="503 from the authority")]
    sign_in, kept, events = signing_in(part)
    done = await sign_in.run()
    shown = events[0]
    assert isinstance(shown, CodeShown)
    assert (shown.code.user_code, shown.until) == ("ABCD-EFGH", NOW + timedelta(seconds=900))
    assert Trouble("503 from the authority") in events
    assert events[-1] == done == SignedIn("desk@example.org", NOW + timedelta(hours=1))
    assert [name for name, _, _ in kept.kept] == ["support"]
    assert part.closed == 1
    assert sign_in.profile == profile()


async def test_another_account_is_refused_with_both_names_and_kept_only_when_confirmed() -> None:
    sign_in, kept, _ = signing_in(Part(account="boss@example.org"))
    with pytest.raises(TransportError) as caught:
        await sign_in.run()
    failure = caught.value.failure
    assert failure.cause is Cause.ACCOUNT_DIFFERS
    assert dict(failure.facts) == {"wanted": "desk@example.org", "got": "boss@example.org"}
    assert kept.kept == []
    await sign_in.confirm_account()
    assert sign_in.profile.auth.oauth is not None
    assert sign_in.profile.auth.oauth.account == "boss@example.org"
    assert kept.kept[0][1] == sign_in.profile
    assert sign_in.profile.auth.username == "desk@example.org"


async def test_the_confirmed_account_is_the_one_expected_from_then_on() -> None:
    sign_in, kept, _ = signing_in(Part(account="BOSS@example.org"), profile(account="boss@example.org"))
    await sign_in.run()
    assert len(kept.kept) == 1
    mailbox, kept_of_mailbox, _ = signing_in(Part(), profile(account="boss@example.org"))
    with pytest.raises(TransportError):
        await mailbox.run()
    assert kept_of_mailbox.kept == []


async def test_signed_in_is_said_when_the_profile_is_saved_too() -> None:
    sign_in, kept, events = signing_in(Part(account="boss@example.org"))
    order: list[str] = []
    sign_in._save = lambda profile, _token: order.append(f"saved {profile.auth.oauth.account}")  # type: ignore[union-attr]
    sign_in._watch = lambda event: order.append(type(event).__name__)
    with pytest.raises(TransportError):
        await sign_in.run()
    await sign_in.confirm_account()
    assert order == ["CodeShown", "saved boss@example.org", "SignedIn"]

    def full(_profile: Profile, _token: object) -> None:
        raise OSError("no room")

    sign_in, kept, events = signing_in(Part())
    sign_in._save = full
    with pytest.raises(OSError, match="no room"):
        await sign_in.run()
    assert len(kept.kept) == 1
    assert not any(isinstance(event, SignedIn) for event in events)


@pytest.mark.parametrize(
    ("of", "way", "missing"),
    [
        (profile(grant="managed-identity", client_id=None), "device", "client_id"),
        (
            profile(
                provider="custom",
                token_url="https://x.example/t",
                device_authorization_url="https://x.example/d",
            ),
            "browser",
            "authorization_url",
        ),
    ],
)
async def test_what_another_way_lacks_is_told_before_anybody_signs_in(
    of: Profile, way: Any, missing: str
) -> None:
    sign_in, _, events = signing_in(Part(), of)
    with pytest.raises(EngineError) as told:
        await sign_in.run(way)
    assert missing in told.value.why
    assert events == []
    assert sign_in.profile == of


async def test_nobody_to_confirm_is_a_defect_of_the_caller() -> None:
    sign_in, _, _ = signing_in(Part())
    with pytest.raises(RuntimeError):
        await sign_in.confirm_account()


async def test_the_browsers_answer_is_heard_on_the_redirect_address() -> None:
    redirect = f"http://localhost:{free_port()}"
    part = Part(redirect=redirect)
    sign_in, _, events = signing_in(part, profile(grant="authorization-code"))
    running = asyncio.create_task(sign_in.run())
    wanted = await first(events, BrowserWanted)
    assert wanted.listening
    assert wanted.ssh_line.startswith("ssh -L ")
    async with httpx.AsyncClient(trust_env=False) as browser:
        other = await browser.get(f"{redirect}/?code=c-o-d-e&state=of-another")
        assert other.status_code == 400
        assert not running.done()
        page = await browser.get(f"{redirect}/?code=c-o-d-e&state=s-t-a-t-e")
        assert page.status_code == 200
        assert "close this window" in page.text
    await running
    assert len(part.redeemed) == 1
    assert "code=c-o-d-e" in part.redeemed[0]


async def test_a_pasted_address_ends_it_and_one_that_does_not_fit_is_told() -> None:
    part = Part(redirect=f"http://localhost:{free_port()}")
    sign_in, _, events = signing_in(part, profile(grant="authorization-code"))
    running = asyncio.create_task(sign_in.run())
    await first(events, BrowserWanted)
    sign_in.paste("http://localhost:1/?code=c&state=wrong")
    await first(events, Trouble)
    sign_in.paste("http://localhost:1/?code=c-o-d-e&state=s-t-a-t-e")
    await running
    assert part.redeemed == ["http://localhost:1/?code=c-o-d-e&state=s-t-a-t-e"]


async def test_no_said_in_the_browser_ends_it() -> None:
    part = Part(redirect=f"http://localhost:{free_port()}")
    sign_in, kept, events = signing_in(part, profile(grant="authorization-code"))
    running = asyncio.create_task(sign_in.run())
    await first(events, BrowserWanted)
    sign_in.paste("http://localhost:1/?error=access_denied&state=s-t-a-t-e")
    with pytest.raises(TransportError) as caught:
        await running
    assert caught.value.failure.cause is Cause.OAUTH_DECLINED
    assert (kept.kept, part.closed) == ([], 1)


async def test_a_port_in_use_leaves_the_paste() -> None:
    port = free_port()
    taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port)
    async with taken:
        part = Part(redirect=f"http://localhost:{port}")
        sign_in, _, events = signing_in(part, profile(grant="authorization-code"))
        running = asyncio.create_task(sign_in.run())
        wanted = await first(events, BrowserWanted)
        assert not wanted.listening
        sign_in.paste("http://localhost:1/?code=c-o-d-e&state=s-t-a-t-e")
        await running


async def test_without_a_listener_and_without_input_it_does_not_wait_for_ever() -> None:
    port = free_port()
    taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port)
    async with taken, asyncio.timeout(10):
        sign_in, kept, _ = signing_in(
            Part(redirect=f"http://localhost:{port}"), profile(grant="authorization-code")
        )
        sign_in.paste("http://localhost:1/?code=c&state=wrong")
        sign_in.no_more_pasting()
        with pytest.raises(EngineError) as told:
            await sign_in.run()
    assert f":{port}" in told.value.remedy
    assert kept.kept == []


async def test_the_browser_may_still_come_when_the_input_has_ended() -> None:
    part = Part(redirect=f"http://localhost:{free_port()}")
    sign_in, kept, events = signing_in(part, profile(grant="authorization-code"))
    sign_in.no_more_pasting()
    running = asyncio.create_task(sign_in.run())
    await first(events, BrowserWanted)
    async with httpx.AsyncClient(trust_env=False) as browser:
        await browser.get(f"{part.redirect}/?code=c-o-d-e&state=s-t-a-t-e")
    await running
    assert len(kept.kept) == 1


async def test_another_way_changes_the_profile_that_is_kept() -> None:
    part = Part()
    of = profile(tenant="example.org", client_secret="s3cret-value", scopes="https://x.example/SMTP.Send")
    sign_in, kept, _ = signing_in(part, of)
    await sign_in.run("app")
    oauth = sign_in.profile.auth.oauth
    assert oauth is not None
    assert (oauth.grant, oauth.scopes) == ("client-credentials", None)
    assert part.route is not None
    assert part.route.scopes == ("https://outlook.office365.com/.default",)
    assert kept.kept[0][1] == sign_in.profile


@pytest.mark.parametrize(
    ("way", "oauth", "words"),
    [
        ("device", {"provider": "google"}, "Google does not give"),
        ("app", {"tenant": "example.org"}, "client secret or a certificate"),
        ("app", {"client_secret": "s3cret-value"}, "tenant"),
        ("app", {"provider": "google"}, "key file"),
    ],
)
async def test_a_way_that_the_profile_cannot_go_is_refused_with_the_reason(
    way: Any, oauth: dict[str, object], words: str
) -> None:
    assert words in why_not(profile(**oauth), way)
    sign_in, kept, events = signing_in(Part(), profile(**oauth))
    with pytest.raises(EngineError) as caught:
        await sign_in.run(way)
    assert words.lower() in caught.value.why.lower()
    assert (kept.kept, events) == ([], [])


async def test_cancelling_closes_the_authority_at_once() -> None:
    part = Part()
    part.polls = [Pending(600)] * 3
    sign_in, kept, events = signing_in(part)
    running = asyncio.create_task(sign_in.run())
    await first(events, CodeShown)
    running.cancel()
    async with asyncio.timeout(0.1):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert (part.closed, kept.kept) == (1, [])


async def test_a_refusal_passes_through() -> None:
    part = Part()
    refused = Failure(
        StepName.TOKEN,
        Scope.SIGN_IN,
        Verdict.FIX_SETTINGS,
        Cause.OAUTH_REFUSED,
        words="AADSTS7000218: …",
        facts={"aadsts": "7000218"},
    )
    part.polls = [TransportError(refused)]
    sign_in, kept, _ = signing_in(part)
    with pytest.raises(TransportError) as caught:
        await sign_in.run()
    assert caught.value.failure == refused
    assert (part.closed, kept.kept) == (1, [])


@pytest.mark.parametrize(
    ("env", "line"),
    [
        (
            {"SSH_CONNECTION": "198.51.100.9 50000 192.0.2.7 22", "SUDO_USER": "ann"},
            "ssh -L 8765:localhost:8765 ann@192.0.2.7",
        ),
        (
            {"SSH_CONNECTION": "198.51.100.9 50000 192.0.2.7 2222", "SUDO_USER": "ann"},
            "ssh -L 8765:localhost:8765 -p 2222 ann@192.0.2.7",
        ),
    ],
)
def test_the_ssh_line_is_ready_to_copy(env: dict[str, str], line: str) -> None:
    assert ssh_line("http://localhost:8765", env) == line


E = TypeVar("E", CodeShown, BrowserWanted, Trouble)


async def first(events: list[Event], kind: type[E]) -> E:
    """The first event of a kind, as soon as it comes."""
    async with asyncio.timeout(5):
        while True:
            for event in events:
                if isinstance(event, kind):
                    return event
            await asyncio.sleep(0)
