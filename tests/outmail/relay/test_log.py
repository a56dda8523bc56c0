"""A record of the relay's log is one line, whatever a server or a client said; and it holds no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from outmail.relay.log import prepare

EVIL = "went\n2026-01-01 00:00:00 info: all is well\x1b[2J"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    flags = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = flags


def test_nobody_writes_a_second_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    prepare(json_log=False)
    logging.getLogger("x").warning("it %s", EVIL)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" warning: it went 2026-01-01 00:00:00 info: all is well?[2J")


def test_the_journal_gets_the_priority(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    prepare(json_log=False)
    logging.getLogger("x").error("it %s", EVIL)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "<3>it went 2026-01-01 00:00:00 info: all is well?[2J"


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    prepare(json_log=True)
    logging.getLogger("x").info("it %s", EVIL)
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["priority"], told["part"]) == ("info", 6, "x")
    assert "\n" not in told["message"]
    assert "\x1b" not in told["message"]


def test_of_an_exception_the_kind_and_the_place_are_told_and_not_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(json_log=False)
    try:
        raise ValueError("hunter2")
    except ValueError:
        logging.getLogger("x").exception("a part ended")
    said = capsys.readouterr().err
    assert "a part ended: ValueError at test_log.py:" in said
    assert "hunter2" not in said
