"""The relay is killed again and again under load: what was answered with 250 arrives, whatever happens."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.outmail.relay.processes import RelayProcess, relay_process
from tests.servers.sink import Sink

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

CLIENTS, MAILS, KILLS = 20, 2000, 20
_NUMBER = re.compile(rb"Subject: (\d+)")


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    found.start()
    yield found
    found.stop()


class Load:
    """Clients that hand in numbered mails until enough were taken; one that was not answered has no say."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()
        self._lock = threading.Lock()
        self.taken: set[int] = set()
        self.unanswered: set[int] = set()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(300)
            assert not thread.is_alive(), f"{len(self.taken)} were taken"

    def _client(self) -> None:
        while len(self.taken) < MAILS:
            try:
                with smtplib.SMTP("127.0.0.1", self._port, timeout=20) as client:
                    for _ in range(20):
                        self._hand_in(client)
            except OSError:
                time.sleep(0.02)  # it is dead just now: as a program tries again a little later

    def _hand_in(self, client: smtplib.SMTP) -> None:
        with self._lock:
            number = next(self._numbers)
        mail = b"From: a@example.test\r\nSubject: %d\r\n\r\n%s\r\n" % (number, b"x" * 1000)
        try:
            client.sendmail("a@example.test", ["b@example.test"], mail)
        except smtplib.SMTPResponseException:
            return  # it said no
        except OSError:
            with self._lock:
                self.unanswered.add(number)
            raise
        with self._lock:
            self.taken.add(number)


def arrived(sink: Sink) -> Counter[int]:
    numbers = Counter[int]()
    for mail in sink.all(lambda _mail: True):
        found = _NUMBER.search(mail.content)
        assert found
        numbers[int(found[1])] += 1
    return numbers


def settled(relay: RelayProcess, sink: Sink, wanted: set[int]) -> Counter[int]:
    """Wait until all of them are there; a mail that was under way at three kills waits for a person."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = arrived(sink)
        if wanted <= set(found):
            return found
        relay.outmail("queue", "release", "--all")
        time.sleep(0.2)  # the sink has no event for "all of them"
    return arrived(sink)


def test_nothing_that_was_taken_is_lost(tmp_path: Path, sink: Sink) -> None:
    chance = random.Random(20261128)
    with relay_process(tmp_path / "home") as relay:
        relay.set_up(sink.port)
        relay.start()
        load = Load(relay.port)
        load.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.6))  # the moment is what is tried
            relay.end(signal.SIGKILL)
            relay.start()
        load.join()
        found = settled(relay, sink, load.taken)
        assert not load.taken - set(found), "answered with 250, and lost"
        assert set(found) <= load.taken | load.unanswered
        again = {number: n - 1 for number, n in found.items() if n > 1}
        # Twice only where a kill fell between hand-over and answer: so many are under way at once.
        assert sum(again.values()) <= KILLS * 20, again
        with contextlib.suppress(AssertionError):
            print(f"{len(load.taken)} taken, {sum(again.values())} twice, {len(load.unanswered)} unanswered")
        assert relay.end() == 0
