"""Sends a large mail through Graph: makes a draft, uploads its files, has it sent; leaves no draft behind.

Whether a draft that had no answer was sent is asked before anybody is told that nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from urllib.parse import quote

from transports import graph_answers
from transports.base import CancelledAfterHandOver, Cause, Failure, Scope, TransportError, Verdict
from transports.graph_api import GraphApi
from transports.graph_draft import Attachment, Draft
from transports.http import Answer, NotJson
from transports.trace import OpenStep

MOST_PAUSE = 60.0
"""Seconds that an upload waits for its next piece when Graph asks for it; for longer the whole mail waits."""

MOST_STUMBLES = 5
"""How often an upload goes on from where it broke off, or was asked to wait."""

SETTLES = 5.0
"""Seconds after which a draft is looked at that may have been sent."""

_GONE = frozenset({404, 410})
_TIDY_SECONDS = 10.0


async def send_draft(api: GraphApi, step: OpenStep, draft: Draft) -> Answer:
    """Make it, fill it, send it; the answer to `send`. Raises TransportError, and no draft is left then."""
    made = await _make(api, step, draft)
    place = f"/messages/{quote(_text(step, made, 'id'), safe='')}"
    try:
        await _Filling(api, step, place, draft).run()
        return await _send(api, step, place)
    except TransportError as error:
        if error.failure.verdict is not Verdict.UNCERTAIN:
            if api.throttled <= MOST_PAUSE:
                await api.pause(api.throttled)
            await _discard(api, step, place)
        raise
    except OSError:  # the mail's own file cannot be read any more
        await _discard(api, step, place)
        raise
    except CancelledAfterHandOver:
        raise
    except asyncio.CancelledError:
        await _discard(api, step, place)
        raise


async def _make(api: GraphApi, step: OpenStep, draft: Draft) -> Answer:
    try:
        return await api.ask(step, "POST", "/messages", body=json.dumps(draft.message).encode())
    except TransportError as error:
        if error.failure.code != 403:
            raise
        # What is missing is missing for large mail alone: the others go on.
        raise TransportError(
            Failure(
                step.name,
                Scope.MESSAGE,
                Verdict.REJECT,
                Cause.MESSAGE_TOO_LARGE,
                error.failure.code,
                "5.3.4",
                "it is too large for one request, and the app may not make drafts (Mail.ReadWrite)",
                error.failure.facts,
            )
        ) from error


class _Filling:
    """A draft that gets its files."""

    def __init__(self, api: GraphApi, step: OpenStep, place: str, draft: Draft) -> None:
        self._api = api
        self._step = step
        self._place = f"{place}/attachments"
        self._files = draft.attachments
        self._total = sum(one.size for one in draft.attachments)
        self._done = 0

    async def run(self) -> None:
        """All of them, in their order. Raises TransportError."""
        for one in self._files:
            self._tell(0)
            if one.plain:
                body = json.dumps(one.file()).encode()
                await self._api.ask(self._step, "POST", self._place, body=body)
            else:
                await self._upload(one)
            self._done += one.size

    def _tell(self, more: int) -> None:
        self._step.progress(f"{_mb(self._done + more)} of {_mb(self._total)} MB")

    async def _upload(self, file: Attachment) -> None:
        """https://learn.microsoft.com/graph/outlook-large-attachments."""
        url, at, stumbles = await self._session(file), 0, 0
        while at < file.size:
            try:
                for piece in file.pieces(start=at):
                    answer = await self._api.put(self._step, url, piece, at, file.size)
                    if not 200 <= answer.status < 300:
                        raise graph_answers.refusal(self._step.name, answer, handed_over=False, upload=True)
                    at += len(piece)
                    self._tell(at)
            except TransportError as error:
                stumbles += 1
                if stumbles > MOST_STUMBLES:
                    raise
                if error.failure.code in _GONE:
                    url, at = await self._session(file), 0
                else:
                    at = await self._goes_on(url, at, error)

    async def _session(self, file: Attachment) -> str:
        body = json.dumps({"AttachmentItem": file.item()}).encode()
        answer = await self._api.ask(self._step, "POST", f"{self._place}/createUploadSession", body=body)
        return _text(self._step, answer, "uploadUrl")

    async def _goes_on(self, url: str, at: int, error: TransportError) -> int:
        """From which byte an upload that stumbled goes on, after the pause that was asked for; or raises."""
        asked = error.failure.retry_after
        if asked is not None and asked <= MOST_PAUSE:
            await self._api.pause(asked)
            return at
        if error.failure.cause not in {Cause.CONNECTION_LOST, Cause.TIMED_OUT}:
            raise error
        expected = await self._api.upload_stands_at(self._step, url)
        if expected is None:
            raise error
        return expected


async def _send(api: GraphApi, step: OpenStep, place: str) -> Answer:
    try:
        return await api.ask(step, "POST", f"{place}/send", hands_over=True)
    except TransportError as error:
        if error.failure.verdict is not Verdict.UNCERTAIN:
            raise
        try:
            await api.pause(SETTLES)  # a service that was cut off may be at it still
            unsent = await _is_draft_still(api, step, place) and await _discard(api, step, place)
        except asyncio.CancelledError:
            raise CancelledAfterHandOver from None
        if unsent:
            # It was not sent, and cannot be any more: it can be sent anew.
            raise _not_sent(error.failure) from error
        raise


async def _is_draft_still(api: GraphApi, step: OpenStep, place: str) -> bool:
    """Whether the draft lies there unsent; False where it is gone, or nobody knows."""
    try:
        answer = await api.ask(step, "GET", place, query={"$select": "isDraft"})
        return answer.json_object().get("isDraft") is True
    except (TransportError, NotJson):
        return False


def _not_sent(failure: Failure) -> TransportError:
    return TransportError(
        Failure(
            failure.step,
            Scope.SERVER,
            Verdict.RETRY,
            failure.cause,
            failure.code,
            words=failure.words,
            facts=failure.facts,
        )
    )


async def _discard(api: GraphApi, step: OpenStep, place: str) -> bool:
    """Remove a draft that is given up: it would lie in the mailbox for ever. Whether it is gone."""
    with contextlib.suppress(TransportError, TimeoutError):
        async with asyncio.timeout(_TIDY_SECONDS):
            await api.ask(step, "DELETE", place)
            return True
    return False


def _text(step: OpenStep, answer: Answer, name: str) -> str:
    """A text of an answer that must be there."""
    try:
        found = answer.json_object().get(name)
    except NotJson:
        found = None
    if isinstance(found, str) and found:
        return found
    raise TransportError(
        Failure(
            step.name,
            Scope.SERVER,
            Verdict.RETRY,
            Cause.NOT_THE_SERVICE,
            answer.status,
            words=f"the answer has no {name}",
            facts={"what": "json"},
        )
    )


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f}"
