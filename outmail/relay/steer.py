"""What the control socket's commands do; who gave one that changes something stands in the history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, cast

from outmail.engine.errors import EngineError
from outmail.engine.idle_queue import header_text
from outmail.engine.relay_status import RelayStatus
from outmail.engine.signin_status import sign_in_json
from outmail.engine.steering import MOST, which_from
from outmail.engine.workspace import Workspace
from outmail.relay.control import Answer, Question
from outmail.relay.lanes import Lanes
from outmail.relay.ledger import Ledger
from store.errors import ErrorKind, StoreError
from store.problems import SettingsInvalid
from store.spool import Spool
from store.spool_ids import MailId
from store.spool_shapes import Which


class Steered(Protocol):
    """What is steered: the service."""

    workspace: Workspace
    spool: Spool
    ledger: Ledger
    lanes: Lanes

    @property
    def clock(self) -> Callable[[], datetime]:
        """UTC."""
        ...

    def status(self) -> RelayStatus:
        """How it stands."""
        ...

    async def reload(self) -> Sequence[EngineError | StoreError]:
        """Read the settings anew; what is wrong with some of them."""
        ...


class Steer:
    """The commands, by name."""

    def __init__(self, service: Steered) -> None:
        self._service = service

    @property
    def commands(self) -> Mapping[str, Answer]:
        """All of them."""
        return {
            "status": self._status,
            "page": self._page,
            "show": self._show,
            "causes": self._causes,
            "hold": self._hold,
            "release": self._release,
            "retry": self._retry,
            "delete": self._delete,
            "pause": self._pause,
            "resume": self._resume,
            "reconnect": self._reconnect,
            "reload": self._reload,
        }

    async def _status(self, _question: Question, _who: str) -> object:
        found = self._service.status().to_json()
        workspace = self._service.workspace
        found["sent"] = await asyncio.to_thread(workspace.history.sent)  # mails, as without a relay
        for route in found["profiles"]:
            profile = workspace.settings.profiles.get(route["profile"])
            if profile is None:
                continue  # it was removed a moment ago
            state = None
            if profile.auth.method == "oauth":
                state = await asyncio.to_thread(workspace.tokens.state, profile)
            route.update(sign_in_json(route["profile"], profile, state))
        return found

    # The queue.

    async def _page(self, question: Question, _who: str) -> object:
        after = question.get("after")
        entries = await self._service.spool.page(
            _which(question), max(1, min(int(str(question["limit"])), MOST)), _id(after) if after else None
        )
        return [entry.to_json() for entry in entries]

    async def _show(self, question: Question, _who: str) -> object:
        name = _id(question["id"])
        entry = await self._service.spool.show(name)
        content = await self._service.spool.content(name)
        return {"mail": entry.to_json(), "headers": header_text(content)}

    async def _causes(self, _question: Question, _who: str) -> object:
        return [cause.to_json() for cause in await self._service.spool.causes()]

    async def _hold(self, question: Question, who: str) -> object:
        which = _which(question)
        count = await self._service.spool.hold(which, f"by {who}", self._service.clock())
        return self._noted(who, "held", which, count)

    async def _release(self, question: Question, who: str) -> object:
        which = _which(question)
        count = await self._service.spool.release(which, self._service.clock())
        return self._noted(who, "released", which, count)

    async def _retry(self, question: Question, who: str) -> object:
        which = _which(question)
        count = await self._service.spool.retry(which, self._service.clock())
        return self._noted(who, "tried again", which, count)

    async def _delete(self, question: Question, who: str) -> object:
        ids = tuple(_id(one) for one in cast("list[object]", question["ids"]))
        count = await self._service.spool.delete(ids)
        self._service.ledger.happened(who, f"removed from the queue: {', '.join(ids)[:1000]}")
        return count

    def _noted(self, who: str, what: str, which: Which, count: int) -> int:
        about = [
            *(which.ids or ()),
            *([f"cause {which.cause}"] if which.cause else []),
            *(s.value for s in which.states or ()),
        ]
        if count:
            people = "1 recipient" if count == 1 else f"{count} recipients"
            said = f"{what}: {people} ({', '.join(about)[:1000] or 'all'})"
            self._service.ledger.happened(who, said, which.profile or "")
            for lane in self._service.lanes.status():
                self._service.lanes.wake(lane.profile)
        return count

    # Delivery.

    async def _pause(self, question: Question, who: str) -> object:
        profile, why = _profile(question), str(question.get("why") or "")
        found = self._service.lanes.halt(profile, who, why)
        self._service.ledger.happened(who, "paused delivery" + (f": {why}" if why else ""), profile or "")
        return found

    async def _resume(self, question: Question, who: str) -> object:
        profile = _profile(question)
        found = self._service.lanes.go(profile)
        self._service.ledger.happened(who, "resumed delivery", profile or "")
        return found

    async def _reconnect(self, question: Question, who: str) -> object:
        profile = _profile(question)
        found = await self._service.lanes.reconnect(profile)
        self._service.ledger.happened(who, "reconnected to the primary server", profile or "")
        return found

    async def _reload(self, _question: Question, _who: str) -> object:
        try:
            wrong = await self._service.reload()
        except SettingsInvalid as error:
            raise StoreError(
                ErrorKind.BAD_INPUT,
                "the relay did not take the settings",
                "; ".join(str(problem) for problem in error.problems)[:2000],
                "correct them: run outmail on a terminal",
            ) from error
        for one in wrong:
            what = f"the relay has the new settings, but for one: {one.what}"
            raise StoreError(ErrorKind.BAD_INPUT, what, one.why, one.remedy) from one
        return True


def _id(found: object) -> MailId:
    if not isinstance(found, str):
        raise TypeError("that is no id of a mail")
    return MailId(found)


def _which(question: Question) -> Which:
    found = question["which"]
    if not isinstance(found, dict):
        raise TypeError("which is no choice of mails")
    return which_from(found)


def _profile(question: Question) -> str | None:
    found = question.get("profile")
    return str(found) if found else None
