"""Alerts: in the log, to a command and to a web address; not twice in a while, and never in anybody's way."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from outmail.relay.alerts import QUIET_SECONDS, Alert, Alerts
from store import relay_settings
from tests.servers.pki import Pki
from tests.transports.web import Reply, WebServer, page, says, silence
from transports.http import HttpClient
from transports.routes import HttpRoute

NOW = datetime(2027, 1, 2, 3, 4, tzinfo=UTC)


def alert(kind: str = "failover", profile: str = "support", title: str = "mail goes another way") -> Alert:
    return Alert(kind, profile, title, "connection refused", "mend it, then: outmail reconnect support", NOW)


class Desk:
    """Alerts with a clock moved by hand, and a command that keeps what it gets."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.kept = folder / "kept"
        command = ["/bin/sh", "-c", f"cat >> {shlex.quote(str(self.kept))}"]
        chosen = relay_settings.Alerts.model_validate(settings or {"command": command})
        self.alerts = Alerts(chosen, lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def told(self) -> list[dict[str, Any]]:
        """What the command got; the alerts are closed then."""
        await self.alerts.close(20)
        lines = self.kept.read_text().splitlines() if self.kept.exists() else []
        return [json.loads(line) for line in lines]


async def test_the_command_gets_all_of_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.alerts.raise_(alert())
    (told,) = await desk.told()
    machine = told["machine"]
    assert told == {
        "kind": "failover",
        "profile": "support",
        "title": "mail goes another way",
        "detail": "connection refused",
        "remedy": "mend it, then: outmail reconnect support",
        "when": "2027-01-02T03:04:00+00:00",
        "machine": machine,
        "text": f"outmail on {machine}, profile support: mail goes another way. connection refused. "
        "mend it, then: outmail reconnect support",
    }


async def test_the_variables_of_the_command(tmp_path: Path) -> None:
    script = f'printf "%s|" "$OUTMAIL_ALERT_KIND" "$OUTMAIL_ALERT_TITLE" > {tmp_path}/out'
    desk = Desk(tmp_path, command=["/bin/sh", "-c", script])
    desk.alerts.raise_(alert(title="\x1b[31mred\0"))
    await desk.told()
    assert (tmp_path / "out").read_text() == "failover|?[31mred?|"


async def test_the_same_is_not_told_again_for_a_while(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for profile in ("support", "support", "billing"):
        desk.alerts.raise_(alert(profile=profile))
    desk.alerts.raise_(alert("paused"))
    await asyncio.sleep(0)
    desk.now += QUIET_SECONDS
    desk.alerts.raise_(alert(title="again"))
    found = sorted((one["kind"], one["profile"], one["title"]) for one in await desk.told())
    usual = "mail goes another way"
    assert found == [
        ("failover", "billing", usual),
        ("failover", "support", "again"),
        ("failover", "support", usual),
        ("paused", "support", usual),
    ]


async def test_after_good_news_the_bad_is_told_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for kind in ("failover", "failback", "failover"):
        desk.alerts.raise_(alert(kind))
    kinds = sorted(one["kind"] for one in await desk.told())
    assert kinds == ["failback", "failover", "failover"]


async def test_every_alert_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        alerts = Alerts(None)
        alerts.raise_(alert())
        alerts.raise_(alert("failback", title="back\n\x1b[2J"))
        await alerts.close()
        alerts.raise_(alert("paused"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert "alert failover support: mail goes another way: connection refused; mend it" in caplog.text
    assert "\x1b" not in caplog.text


async def test_from_another_thread(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    thread = threading.Thread(target=lambda: desk.alerts.raise_(alert()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert len(await desk.told()) == 1


async def test_a_command_that_fails_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, command=["/bin/sh", "-c", "printf '\\033[1mno %s' pager; exit 7"])
    desk.alerts.raise_(alert())
    await desk.told()
    assert "/bin/sh ended with exit code 7; it printed: ?[1mno pager" in caplog.text


async def test_a_program_that_is_missing_is_a_warning_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, command=["/no/such/pager"])
    assert "relay.alerts.command" in caplog.text
    desk.alerts.raise_(alert())
    assert await desk.told() == []
    assert "could not be started" in caplog.text


async def test_a_flood_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(tmp_path)
    for number in range(80):
        desk.alerts.raise_(alert(profile=f"p{number}"))
    assert len(await desk.told()) == 50
    assert caplog.text.count("too many alerts at once") == 30


async def test_the_end_does_not_wait_for_a_slow_command(tmp_path: Path) -> None:
    fifo = tmp_path / "begun"
    desk = Desk(tmp_path, command=["/bin/sh", "-c", f"mkfifo {fifo}; cat {fifo}"])
    desk.alerts.raise_(alert())
    async with asyncio.timeout(20):
        await desk.alerts.close(0.1)
    assert not desk.alerts._tasks


# The webhook.


@asynccontextmanager
async def hooked(pki: Pki, tmp_path: Path, *replies: Reply) -> AsyncIterator[tuple[Desk, WebServer]]:
    async with WebServer(*replies, tls=pki.good) as server:
        desk = Desk(tmp_path, webhook=server.url("/hook/marked-secret?x=1", "localhost"))
        desk.alerts._open_http = lambda: HttpClient(HttpRoute(ca_file=str(pki.ca_file)))
        yield desk, server


async def test_the_webhook_gets_the_same(pki: Pki, tmp_path: Path) -> None:
    async with hooked(pki, tmp_path) as (desk, server):
        desk.alerts.raise_(alert())
        await desk.alerts.close(20)
    (asked,) = server.asked
    assert asked.line == "POST /hook/marked-secret?x=1 HTTP/1.1"
    assert asked.header("content-type") == "application/json"
    assert json.loads(asked.body)["text"].endswith("outmail reconnect support")
    assert desk.slept == []


async def test_a_web_server_that_is_out_of_order_is_tried_again(pki: Pki, tmp_path: Path) -> None:
    busy, lost = says(page(b"", "503 Busy")), says(b"", close=True)
    async with hooked(pki, tmp_path, busy, lost, says(page())) as (desk, server):
        desk.alerts.raise_(alert())
        await desk.alerts.close(20)
    assert len(server.asked) == 3
    assert desk.slept == [5.0, 30.0]


@pytest.mark.parametrize(("status", "times"), [("404 No", 1), ("500 Broken", 3), ("429 Slow", 3)])
async def test_what_fails_for_good_is_in_the_log(
    pki: Pki, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: str, times: int
) -> None:
    async with hooked(pki, tmp_path, says(page(b"", status))) as (desk, server):
        desk.alerts.raise_(alert())
        await desk.alerts.close(20)
    assert len(server.asked) == times
    assert f"webhook at localhost was not told: it answered {status[:3]}" in caplog.text
    assert "marked-secret" not in caplog.text


async def test_a_silent_web_server_does_not_hold_up_the_end(pki: Pki, tmp_path: Path) -> None:
    async with hooked(pki, tmp_path, silence) as (desk, server):
        desk.alerts.raise_(alert())
        async with asyncio.timeout(20):
            await server.heard.wait()
            await desk.alerts.close(0.01)
        assert not desk.alerts._tasks
