"""What the admin does with mail in the queue, from whichever screen: it is done, and then said.

Everything here runs in a worker of the screen. Deleting asks first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from store.spool_shapes import State, Which
from tui import queue_words as words
from tui.desk import Desk
from tui.helm import Watching
from tui.screens.delivery import steered
from tui.screens.dialogs import Choice, ChooseDialog, ConfirmDialog

if TYPE_CHECKING:
    from outmail.engine.steering import Steering
    from store.spool_ids import MailId
    from store.spool_shapes import Entry

_PAGE = 500
_ALIVE = (State.WAITING, State.UNCERTAIN)


async def retry(app: App[int], desk: Desk, which: Which) -> None:
    """Let what waits, is uncertain or was given up be tried now."""
    count = await steered(app, desk, lambda s: s.retry(which))
    if count is not None:
        nothing = "Nothing to try again: what is held is released with l, what is being sent is on its way."
        app.notify(words.did(count, _tried(app, which.profile), nothing), markup=False)


async def hold(app: App[int], desk: Desk, which: Which) -> None:
    """Let nothing of it be sent."""
    count = await steered(app, desk, lambda s: s.hold(which))
    if count is not None:
        app.notify(words.did(count, words.HELD, "Nothing that waits is there to be held."), markup=False)


async def release(app: App[int], desk: Desk, which: Which) -> None:
    """Let what is held be tried."""
    count = await steered(app, desk, lambda s: s.release(which))
    if count is not None:
        told = words.did(count, _tried(app, which.profile), "Nothing of it is held.")
        app.notify(f"Released: {told}" if count else told, markup=False)


async def delete(app: App[int], desk: Desk, mails: list[MailId]) -> bool:
    """Ask, then remove these mails; whether they are gone."""
    what = "this mail" if len(mails) == 1 else f"these {len(mails)} mails"
    question = ConfirmDialog(
        f"Delete {what}?", "Nobody gets it, its sender is not told, and it cannot be brought back.", "delete"
    )
    if not await app.push_screen_wait(question):
        return False
    count = await steered(app, desk, lambda s: s.delete(mails))
    if count is not None:
        app.notify("1 mail is gone." if count == 1 else f"{count} mails are gone.", markup=False)
    return count is not None


async def delete_all(app: App[int], desk: Desk, which: Which) -> bool:
    """Ask, then remove every mail of this choice, by the page."""
    question = ConfirmDialog(
        "Delete every mail of this list, also those that are not loaded?",
        "Nobody gets them, their senders are not told, and they cannot be brought back.",
        "delete all",
    )
    if not await app.push_screen_wait(question):
        return False
    count = await steered(app, desk, lambda s: _delete_each(s, which))
    if count is not None:
        app.notify(f"{count} mails are gone.", markup=False)
    return count is not None


def _delete_each(steering: Steering, which: Which) -> int:
    """What is being sent at this moment stays."""
    gone, last = 0, None
    while page := steering.page(which, _PAGE, last):
        free = [entry.id for entry in page if all(r.state is not State.SENDING for r in entry.recipients)]
        gone += steering.delete(free) if free else 0
        last = page[-1].id
    return gone


async def mend_cause(app: App[int], desk: Desk, group: words.Group) -> None:
    """After the fix: all that stood for this cause is released or tried again, and the route goes on."""
    if group.given_up:
        question = ConfirmDialog(
            "Try again what was given up?",
            "The senders were told that it was not delivered; it will be sent all the same.",
            "try again",
        )
        if not await app.push_screen_wait(question):
            return
    done = await steered(app, desk, lambda s: _mend(s, group))
    if done is not None:
        count, resumed = done
        told = words.did(
            count, _tried(app, None if resumed else group.profile), "Nothing waits for it any more."
        )
        app.notify(f"{group.profile}: delivery goes on. {told}" if resumed else told, markup=False)


def _mend(steering: Steering, group: words.Group) -> tuple[int, bool]:
    """How many recipients, and whether the route had been stopped for it and was set going again."""
    where = Which(profile=group.profile, cause=group.cause)
    if group.given_up:
        return steering.retry(Which(profile=where.profile, cause=where.cause, states=(State.DEAD,))), False
    count = steering.release(where) if group.number(State.HELD) else 0
    if any(group.number(state) for state in _ALIVE):
        count += steering.retry(Which(profile=where.profile, cause=where.cause, states=_ALIVE))
    status = steering.status()
    route = status.route(group.profile)
    stopped = status.pause is None and route is not None and route.pause is not None and not route.pause.who
    if stopped:
        steering.resume(group.profile)
    return count, stopped


def _tried(app: App[int], profile: str | None) -> str:
    """When "now" is."""
    status = app.relay_news.status if isinstance(app, Watching) else None
    if status is None:
        return words.TRIED
    if not status.running:
        return words.TRIED_ONCE
    route = status.route(profile) if profile else None
    return words.TRIED_LATER if status.pause or (route and route.pause) else words.TRIED


async def all_of(app: App[int], desk: Desk, which: Which, found: list[Entry] | None) -> None:
    """Ask what to do with every mail of a list, or with those that a search `found`; then do it."""
    whole = "every mail of this list" if found is None else f"the {len(found)} that were found"
    what = which if found is None else words.ids(found)
    choices = [
        Choice("retry", "Try them now", "Also what was given up, though its senders were told."),
        Choice("hold", "Hold them", "Nothing of it is sent until it is released."),
        Choice("release", "Release them", "What is held is sent now."),
        Choice("delete", "Delete them", "You are asked once more."),
    ]
    chosen = await app.push_screen_wait(ChooseDialog(f"What to do with {whole}?", choices, "all"))
    if chosen == "retry":
        await retry(app, desk, what)
    elif chosen == "hold":
        await hold(app, desk, what)
    elif chosen == "release":
        await release(app, desk, what)
    elif chosen == "delete" and found is not None:
        await delete(app, desk, [mail.id for mail in found])
    elif chosen == "delete":
        await delete_all(app, desk, what)


def pages(steering: Steering, which: Which, wanted: int) -> list[Entry]:
    """The first `wanted` mails, by the page."""
    found: list[Entry] = []
    while len(found) < wanted:
        limit = min(_PAGE, wanted - len(found))
        page = steering.page(which, limit, found[-1].id if found else None)
        found += page
        if len(page) < limit:
            break
    return found
