"""Signs a saved profile in over another screen, saving what that changed of it, and signs it out.

The sign-in itself is kept by the engine; here a confirmed account or another way is, in the settings.
"""

from __future__ import annotations

import asyncio

from textual.app import App

from tui.desk import Desk
from tui.said import Expected, trouble
from tui.screens.dialogs import ConfirmDialog, TroubleDialog
from tui.screens.signin import SignInScreen


async def sign_in(app: App[int], desk: Desk, name: str) -> bool:
    """From a worker: let somebody sign the saved profile in; whether somebody did."""
    workspace = desk.workspace
    profile = workspace.settings.profiles[name]
    tokens = await asyncio.to_thread(lambda: workspace.tokens)
    result = await app.push_screen_wait(SignInScreen(name, profile, desk.engine, tokens, desk.now))
    if result is None:
        return False
    settings = workspace.settings
    if result.profile != profile and settings.profiles.get(name) == profile:
        changed = settings.model_copy(update={"profiles": {**settings.profiles, name: result.profile}})
        try:
            await asyncio.to_thread(workspace.save, changed)
        except Expected as error:
            app.push_screen(TroubleDialog(trouble(error)))
    return True


async def sign_out(app: App[int], desk: Desk, name: str) -> bool:
    """From a worker: ask, then forget the profile's tokens; whether they are gone."""
    profile = desk.workspace.settings.profiles[name]
    question = ConfirmDialog(
        f"Sign {name} out?",
        "Its tokens are forgotten here, also for every profile that signs in alike. No mail goes out until "
        "somebody signs in again. The provider still lists the app: withdraw it there to end that too.",
        "sign out",
    )
    if not await app.push_screen_wait(question):
        return False
    try:
        await asyncio.to_thread(lambda: desk.workspace.tokens.forget(profile))
    except Expected as error:
        app.push_screen(TroubleDialog(trouble(error)))
        return False
    return True
