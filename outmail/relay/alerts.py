"""Tells people of outages, switches and pauses: in the log, by a command, by a web address; never by mail.

The mail may be what is broken. Whoever raises an alert never waits for it, and no alert stops the relay.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from outmail.relay import hook
from store import relay_settings
from transports.base import TransportError
from transports.http import HttpClient
from transports.routes import HttpRoute
from transports.shown import harmless

log = logging.getLogger(__name__)

QUIET_SECONDS = 15 * 60.0
"""The same kind of alert of the same profile is not sent again before."""

GOOD_NEWS = frozenset({"failback", "recovered"})
"""After these, what was told before counts as over: should it happen again, that is told again."""

_LONGEST = 4000  # characters of each text
_MOST = 50  # alerts on their way
_AT_ONCE = 4
_WEB_SECONDS = 15.0
_WEB_WAITS = (5.0, 30.0)
"""Seconds before the second and the third attempt."""

_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody must hear. `profile` is "" for the relay as a whole.

    Kinds: failover, failback, paused, cannot-send, cannot-listen, queue-damaged, disk-full, recovered.
    """

    kind: str
    profile: str
    title: str
    text: str
    remedy: str
    when: datetime

    def to_json(self, machine: str) -> dict[str, str]:
        """For programs. `text` is the whole of it in words: what chat programs show of a webhook."""
        of = f", profile {self.profile}" if self.profile else ""
        words = ". ".join(part.rstrip(".") for part in (self.title, self.text, self.remedy) if part)
        return {
            "kind": self.kind,
            "profile": self.profile,
            "title": _text(self.title),
            "detail": _text(self.text),
            "remedy": _text(self.remedy),
            "when": self.when.isoformat(),
            "machine": machine,
            "text": _text(f"outmail on {machine}{of}: {words}"),
        }


class Alerts:
    """What the settings want alerts to do. To be made and closed in the relay's event loop.

    `raise_` may be called from any thread.
    """

    def __init__(
        self,
        settings: relay_settings.Alerts | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        open_http: Callable[[], HttpClient] = lambda: HttpClient(HttpRoute(), allow_http=True),
    ) -> None:
        self._settings = settings or relay_settings.Alerts()
        self._clock = clock
        self._sleep = sleep
        self._open_http = open_http
        self._loop = asyncio.get_running_loop()
        self._machine = harmless(socket.gethostname(), 255) or "localhost"
        self._told: dict[tuple[str, str], float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._closed = False
        command = self._settings.command
        if command and shutil.which(command[0]) is None:
            log.warning(
                "alerts cannot be told by %s: there is no such program; correct relay.alerts.command",
                harmless(command[0]),
            )

    def raise_(self, alert: Alert) -> None:
        """Tell it, without waiting."""
        level = logging.INFO if alert.kind in GOOD_NEWS else logging.WARNING
        parts = (f"{alert.title}: {alert.text}" if alert.text else alert.title, alert.remedy)
        of = f" {alert.profile}" if alert.profile else ""
        log.log(level, "alert %s%s: %s", alert.kind, of, _text("; ".join(part for part in parts if part)))
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the relay
            self._loop.call_soon_threadsafe(self._begin, alert)

    async def close(self, seconds: float = 5.0) -> None:
        """Let what is on its way end within the time; later alerts are in the log alone."""
        await asyncio.sleep(0)  # what was raised just before
        self._closed = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, alert: Alert) -> None:
        if self._closed or not (self._settings.command or self._settings.webhook):
            return
        if alert.kind in GOOD_NEWS:
            self._told = {key: when for key, when in self._told.items() if key[1] != alert.profile}
        now, key = self._clock(), (alert.kind, alert.profile)
        if now - self._told.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        if len(self._tasks) >= _MOST:
            log.warning("too many alerts at once: one of the kind %s is in the log alone", alert.kind)
            return
        self._told[key] = now
        ways: list[Awaitable[None]] = []
        told = alert.to_json(self._machine)
        if self._settings.command:
            ways.append(self._run(told))
        if self._settings.webhook:
            ways.append(self._post(self._settings.webhook, told))
        for way in ways:
            task = asyncio.ensure_future(self._within(way))
            self._tasks.add(task)
            task.add_done_callback(self._over)

    async def _within(self, way: Awaitable[None]) -> None:
        async with self._few:
            await way

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("an alert was not told", exc_info=task.exception())

    async def _run(self, told: dict[str, str]) -> None:
        command = self._settings.command
        ended = await hook.run(command, json.dumps(told).encode() + b"\n", _variables(told))
        if ended.why:
            log.warning("the alert's command %s %s%s", harmless(command[0]), ended.why, _said(ended.output))
        elif ended.output:
            log.info("the alert's command %s%s", harmless(command[0]), _said(ended.output))

    async def _post(self, url: str, told: dict[str, str]) -> None:
        host, content = urlsplit(url).hostname, json.dumps(told).encode()
        why = ""
        for wait in (0.0, *_WEB_WAITS):
            if wait:
                await self._sleep(wait)
            try:
                async with self._open_http() as client:
                    answer = await client.request(
                        "POST",
                        url,
                        headers={"Content-Type": "application/json"},
                        content=content,
                        seconds=_WEB_SECONDS,
                    )
            except TransportError as error:
                why = error.failure.words or str(error.failure.cause)
                continue
            if 200 <= answer.status < 300:
                return
            why = f"it answered {answer.status}"
            if answer.status < 500 and answer.status not in _LATER:
                break
        # The address itself often is the secret (Slack, Teams), so that only its host is told.
        log.warning("the alert's webhook at %s was not told: %s", host, harmless(why))


def _variables(told: dict[str, str]) -> dict[str, str]:
    names = ("kind", "profile", "title", "detail", "remedy", "when", "machine", "text")
    return {f"OUTMAIL_ALERT_{name.upper()}": told[name] for name in names}


def _said(output: str) -> str:
    return f"; it printed: {harmless(output)}" if output else ""


def _text(text: str) -> str:
    return harmless(text, _LONGEST)
