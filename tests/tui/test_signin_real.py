"""The sign-in screen on the real engine: an authority that hangs does not hold whoever presses Escape."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

import pytest
from textual import events

from store.profiles import Settings, Tls
from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import CLIENT, HANG, TENANT, EntraServer
from tests.transports.oauth.entra_support import device_answer, serving
from tests.tui.fakes import FakeWorkspace, with_oauth
from tests.tui.screen import Terminal, opened
from tui.engine import RealEngine

_TRIES = 12


def signs_in_at(server: EntraServer, pki: Pki) -> Settings:
    """m365, at this authority in place of Entra; by msal where the paths are Entra's."""
    base = f"{server.base}/oauth2/v2.0"
    settings = with_oauth(
        client_id=CLIENT,
        tenant=TENANT,
        token_url=f"{base}/token",
        authorization_url=f"{base}/authorize",
        device_authorization_url=f"{base}/devicecode",
    )
    trusting = settings.profiles["m365"].model_copy(update={"tls": Tls(ca_file=str(pki.ca_file))})
    return Settings(default="m365", profiles={**settings.profiles, "m365": trusting})


def by_anyone(settings: Settings) -> Settings:
    """The same by the letter of the standards, without msal."""
    profile = settings.profiles["m365"]
    assert profile.auth.oauth is not None
    oauth = profile.auth.oauth.model_copy(update={"provider": "custom"})
    auth = profile.auth.model_copy(update={"oauth": oauth})
    changed = profile.model_copy(update={"auth": auth})
    return Settings(default="m365", profiles={**settings.profiles, "m365": changed})


async def escape_after(hung: asyncio.Event, admin: Terminal) -> float:
    """Sign in until the authority hangs, press Escape; seconds until the sign-in has ended."""
    hung.clear()
    await admin.see("* m365")
    await admin.press("i")
    await admin.until(hung.is_set, "the request that is not answered")
    (job,) = [w for w in admin.app.workers if w.node is admin.app.screen]
    gc.collect()  # what earlier tests left behind shall not be collected while the time is taken
    began = time.monotonic()
    admin.app.post_message(events.Key("escape", None))
    while not job.is_finished:  # noqa: ASYNC110 - what is measured is when
        await asyncio.sleep(0)
    took = time.monotonic() - began
    assert job.is_cancelled
    await admin.see("* m365")
    return took


@pytest.mark.parametrize("hanging", ["devicecode", "token"])
@pytest.mark.parametrize("made", [lambda settings: settings, by_anyone], ids=["msal", "oauthlib"])
async def test_escape_stops_within_a_tenth_of_a_second_though_the_authority_hangs(
    hanging: str, made: Callable[[Settings], Settings], pki: Pki
) -> None:
    async with serving(pki) as server:
        server.say("/devicecode", device_answer(interval=1))
        server.say(f"/{hanging}", HANG)
        workspace = FakeWorkspace(made(signs_in_at(server, pki)))
        async with opened(workspace, RealEngine()) as admin:
            # Again, since a machine that is busy with something else is no fault of Escape; who waits
            # for the authority is too slow every time.
            for _ in range(_TRIES):
                took = await escape_after(server.hung, admin)
                if took < 0.1:
                    break
            assert took < 0.1
        kept = workspace.tokens.state(workspace.settings.profiles["m365"])
        assert not kept.signed_in
