"""Every command and every refusal, as dialogues in text files (dialogues/; script.py says how they read)."""

from __future__ import annotations

from pathlib import Path

import pytest

from outmail.relay import replies
from tests.outmail.relay.script import FOLDER, Play

FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_goes_as_written(path: Path) -> None:
    Play(path).run()


ELSEWHERE = {
    replies.AUTH_LINE_TOO_LONG,
    replies.LINE_TOO_LONG,
    replies.TOO_MANY_COMMANDS,
    replies.TOO_MANY_RECIPIENTS,
    replies.TOO_MUCH_AHEAD,
}
"""Replies that take more than a text file to bring about; test_limits.py does."""


def test_every_reply_is_heard_in_one_of_them() -> None:
    said: set[str] = set()
    for path in FILES:
        play = Play(path)
        play.run()
        said |= play.said
    all_of_them = {value for name, value in vars(replies).items() if name.isupper() and name[0] != "_"}
    never = {reply for reply in all_of_them if reply.decode("ascii").rstrip("\r\n") not in said}
    assert never == ELSEWHERE


def test_no_file_is_missing() -> None:
    assert len(FILES) > 15
