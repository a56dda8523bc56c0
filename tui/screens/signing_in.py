"""Signs a saved profile in over another screen, and signs it out; the engine keeps and saves.

The program hears of both, so that a running relay does too.
"""

from __future__ import annotations

import asyncio

from textual.app import App

from store.tokens import sharing
from tui.desk import Desk
from tui.helm import SettingsSaved
from tui.said import Expected, trouble
from tui.screens.dialogs import ConfirmDialog, TroubleDialog
from tui.screens.sign_in_task import SignInTask
from tui.screens.signin import SignInScreen


async def sign_in(app: App[int], desk: Desk, name: str) -> bool:
    """From a worker: let somebody sign the saved profile in; whether somebody did."""
    from outmail.engine.signin_profile import saver

    workspace = desk.workspace
    task = SignInTask(
        name,
        workspace.settings.profiles[name],
        await asyncio.to_thread(lambda: workspace.tokens),
        saver(workspace, name),
        desk.demo.person if desk.demo else None,
    )
    done = await app.push_screen_wait(SignInScreen(task, desk.engine, desk.now)) is not None
    if done:
        app.post_message(SettingsSaved())
    return done


async def sign_out(app: App[int], desk: Desk, name: str) -> bool:
    """From a worker: ask, then forget the profile's tokens; whether they are gone."""
    settings = desk.workspace.settings
    profile, alike = settings.profiles[name], sharing(settings, name)
    also = f", and with them those of {', '.join(alike)}" if alike else ""
    question = ConfirmDialog(
        f"Sign {name} out?",
        f"Its tokens are forgotten here{also}. No mail goes out until somebody signs in again. The provider "
        "still lists the app: withdraw it there to end that too.",
        "sign out",
    )
    if not await app.push_screen_wait(question):
        return False
    try:
        await asyncio.to_thread(lambda: desk.workspace.tokens.forget(profile))
    except Expected as error:
        app.push_screen(TroubleDialog(trouble(error)))
        return False
    app.post_message(SettingsSaved())
    return True
