"""Steers delivery for the admin: pause, resume, reconnect, and the question before mail's settings change.

Everything here runs in a worker of the screen, and says what it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from textual.app import App

from tui.desk import Desk
from tui.helm import Watching
from tui.said import Expected, trouble
from tui.screens.dialogs import Choice, ChooseDialog, ConfirmDialog, TroubleDialog

if TYPE_CHECKING:
    from outmail.engine.relay_status import RelayStatus
    from outmail.engine.steering import Steering

T = TypeVar("T")

_PATIENCE = 3.0  # seconds
_EDITING = "the settings are being edited"
_ALL = "all"
_THIS = "this"
_RESUME = "resume "


class Guard(Enum):
    """What the admin chose before the settings change."""

    CANCEL = "cancel"
    EDIT = "edit"
    PAUSED = "paused"  # delivery was paused for it


async def steered(
    app: App[int], desk: Desk, work: Callable[[Steering], T], *, again: bool = True
) -> T | None:
    """Have it done; None where it failed, and the admin has read why. `again`: then look at the relay."""
    try:
        return await desk.helm.do(work)
    except Expected as error:
        app.push_screen(TroubleDialog(trouble(error)))
        return None
    finally:
        if again and isinstance(app, Watching):
            app.look_at_relay()


async def pause_or_resume(app: App[int], desk: Desk, name: str) -> None:
    """Resume what stands still, or ask what to pause."""
    status = await steered(app, desk, lambda s: s.status())
    if status is None:
        return
    route = status.route(name)
    if status.pause:
        await resume(app, desk, None)
    elif route and route.pause:
        await resume(app, desk, name)
    else:
        await _choose_pause(app, desk, name, status)


async def _choose_pause(app: App[int], desk: Desk, name: str, status: RelayStatus) -> None:
    others = [r.profile for r in status.routes if r.pause]
    choices = [
        *(Choice(_RESUME + n, f"Resume {n}", "Its mail goes out again at once.") for n in others),
        Choice(_THIS, f"Pause {name}", "Its mail is accepted and waits until somebody resumes it."),
        Choice(_ALL, "Pause every profile", "All mail is accepted and waits until somebody resumes it."),
    ]
    chosen = await app.push_screen_wait(ChooseDialog("Pause delivery?", choices, "delivery"))
    if chosen and chosen.startswith(_RESUME):
        await resume(app, desk, chosen.removeprefix(_RESUME))
    elif chosen:
        profile = name if chosen == _THIS else None
        paused = await steered(app, desk, lambda s: s.pause(profile))
        if paused is not None:
            app.notify(f"{_names(paused)}: delivery is paused.", markup=False)


async def resume(app: App[int], desk: Desk, name: str | None) -> None:
    """Delivery goes on, of one profile or of all."""
    resumed = await steered(app, desk, lambda s: s.resume(name))
    if resumed is not None:
        app.notify(f"{_names(resumed)}: delivery goes on.", markup=False)


async def reconnect(app: App[int], desk: Desk, name: str) -> None:
    """Back to the primary: the selected profile where it is away, else those that are."""
    status = await steered(app, desk, lambda s: s.status())
    if status is None:
        return
    away = [r.profile for r in status.routes if r.away]
    if not away:
        app.notify("All mail goes through the primary servers.", markup=False)
        return
    profile: str | None = name if name in away else away[0]
    if len(away) > 1:
        choices = [Choice(n, f"Reconnect {n}") for n in sorted(away, key=lambda n: n != name)]
        choices.append(Choice("", "Reconnect all of them"))
        chosen = await app.push_screen_wait(
            ChooseDialog("Which profiles go back to their primary server?", choices, "reconnect")
        )
        if chosen is None:
            return
        profile = chosen or None
    back = await steered(app, desk, lambda s: s.reconnect(profile))
    if back is not None:
        told = f"{_names(back)}: mail goes to the primary again." if back else "Nothing had to be changed."
        app.notify(told, markup=False)


async def may_edit(app: App[int], desk: Desk, name: str | None) -> Guard:
    """Ask whether to pause, where mail is being delivered; `name` is None for a new profile."""
    try:
        # Not closely: where no relay runs, the queue need not be opened for this.
        status = (await asyncio.wait_for(desk.helm.look(closely=False), _PATIENCE)).status
    except TimeoutError:
        status = None  # a relay that hangs delivers nothing
    if status is None:
        return Guard.EDIT  # the home screen says why nobody knows; settings can be edited all the same
    route = status.route(name) if name else None
    if not status.running or status.pause or (route and (route.pause or route.unusable)):
        return Guard.EDIT
    whose = name or "every profile"
    choices = [
        Choice(
            Guard.PAUSED.value,
            "Pause and edit",
            f"Mail of {whose} is accepted and waits, until you resume it with p at home.",
        ),
        Choice(
            Guard.EDIT.value,
            "Edit without pausing",
            "Mail goes on by the settings as they are; by the new ones as soon as you save.",
        ),
        Choice(Guard.CANCEL.value, "Cancel", "Nothing changes."),
    ]
    question = "Mail is being delivered. Pause delivery while you edit?"
    chosen = await app.push_screen_wait(ChooseDialog(question, choices, "edit while mail flows"))
    if chosen is None or chosen == Guard.CANCEL.value:
        return Guard.CANCEL
    if chosen == Guard.EDIT.value:
        return Guard.EDIT
    if await steered(app, desk, lambda s: s.pause(name, _EDITING)) is None:
        return Guard.CANCEL
    app.notify(f"Delivery of {whose} is paused.", markup=False)
    return Guard.PAUSED


async def offer_resume(app: App[int], desk: Desk, name: str | None) -> None:
    """After an edit that saved nothing: the pause was for nothing, and is easily forgotten."""
    question = ConfirmDialog(
        "Nothing was saved. Resume delivery?",
        "It was paused for this edit. With n it stays paused until you resume it with p.",
        "delivery is paused",
    )
    if await app.push_screen_wait(question):
        await resume(app, desk, name)


def _names(profiles: Sequence[str]) -> str:
    return ", ".join(profiles) or "No profile"
