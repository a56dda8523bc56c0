"""Every length and count has a limit, also against a client that sends a byte at a time or never stops."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable

import pytest

from outmail.relay import replies
from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Dropped, Event, HangUp, Mail, Reply
from outmail.relay.replies import Answer
from outmail.relay.rules import BLOCK, Rules

RULES = Rules("relay.example.test", size_limit=4 * 1024 * 1024, recipients=100)
BEGUN = b"HELO me\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
KEPT = Answer(250, "2.0.0", "kept")
CHUNK = b"x" * 70 + b"\r\n"


def fresh(rules: Rules = RULES, **changed: int) -> Dialogue:
    """A dialogue in which nothing was said."""
    return Dialogue(Rules(rules.hostname, **changed) if changed else rules, "192.0.2.7")  # type: ignore[arg-type]


def text(events: list[Event]) -> bytes:
    """All replies."""
    return b"".join(event.data for event in events if isinstance(event, Reply))


def most_memory(feed: Callable[[], object]) -> int:
    """The bytes that were in use at most, over those before."""
    tracemalloc.start()
    try:
        feed()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def receive_all(dialogue: Dialogue, parts: Iterable[bytes]) -> None:
    """Feed it, and keep nothing of what it says."""
    for part in parts:
        dialogue.receive(part)


@pytest.mark.parametrize("opening", [b"", b"AUTH ", b"MAIL FROM:<"])
def test_a_line_without_end_fills_no_memory(opening: bytes) -> None:
    dialogue = fresh()
    dialogue.receive(opening)
    block = b"x" * 65536
    used = most_memory(lambda: receive_all(dialogue, (block for _ in range(200))))
    assert used < 400_000
    before = dialogue.progress
    dialogue.receive(block)
    assert dialogue.progress == before
    assert text(dialogue.receive(b"x\r\nNOOP\r\n")) == replies.LINE_TOO_LONG + replies.OK


@pytest.mark.parametrize("ending", [b"\r\n.\r\n", b"\n\r\n.\r\n"])
def test_a_mail_over_the_limit_fills_no_memory_and_is_read_to_its_end(ending: bytes) -> None:
    dialogue = fresh()
    dialogue.receive(BEGUN)
    events: list[Event] = []
    block = CHUNK * 1000

    def feed() -> None:
        for _ in range(200):
            events.extend(event for event in dialogue.receive(block) if not isinstance(event, Body))

    assert most_memory(feed) < 10 * len(block)
    assert events == [Dropped()]
    before = dialogue.progress
    dialogue.receive(block)
    assert dialogue.progress == before, "what is left has one time limit in all"
    bare = ending[:1] == b"\n"
    right = replies.BARE_BYTES if bare else replies.TOO_BIG
    assert text(dialogue.receive(ending + b"NOOP\r\n")) == right + replies.OK


def test_a_large_mail_passes_through_in_pieces() -> None:
    dialogue = fresh(size_limit=64 * 1024 * 1024)
    dialogue.receive(BEGUN)
    block = CHUNK * 1000
    sizes: list[int] = []

    def feed() -> None:
        for _ in range(200):
            sizes.extend(len(event.data) for event in dialogue.receive(block) if isinstance(event, Body))

    assert most_memory(feed) < 10 * len(block)
    (mail,) = dialogue.receive(b".\r\n")
    assert isinstance(mail, Mail)
    assert sum(sizes) + len(mail.content) == mail.size == 200 * len(block)
    assert min(sizes) > RULES.in_memory


def test_a_large_mail_that_was_stored_is_not_called_back() -> None:
    dialogue = fresh()
    dialogue.receive(BEGUN)
    (body,) = dialogue.receive(CHUNK * 1000)
    assert isinstance(body, Body)
    (mail,) = dialogue.receive(b".\r\n")
    assert isinstance(mail, Mail)
    dialogue.stored(KEPT)
    assert dialogue.receive(b"QUIT\r\n") == [Reply(replies.BYE), HangUp()]


def test_a_small_mail_comes_whole() -> None:
    dialogue = fresh()
    dialogue.receive(BEGUN)
    content = b"x" * (RULES.in_memory - 2) + b"\r\n"
    events = [
        event for at in range(0, len(content), 100) for event in dialogue.receive(content[at : at + 100])
    ]
    assert events == []
    (mail,) = dialogue.receive(b".\r\n")
    assert isinstance(mail, Mail)
    assert mail.content == content


def test_bytes_one_at_a_time_fill_no_memory() -> None:
    one = [b"x", b"\r", b"\n"]

    def used() -> int:
        dialogue = fresh(in_memory=8192)
        dialogue.receive(BEGUN)
        return most_memory(lambda: receive_all(dialogue, (one[at % 3] for at in range(30_000))))

    # It takes long enough for other threads of the tests to get memory meanwhile: they only add to it.
    assert min(used() for _ in range(3)) < 6 * 8192


def test_what_is_sent_ahead_is_bounded_and_the_mail_is_answered_all_the_same() -> None:
    dialogue = fresh()
    (_, mail) = dialogue.receive(BEGUN + b".\r\nNOOP\r\n")
    assert isinstance(mail, Mail)
    block = b"NOOP\r\n" * 1000
    used = most_memory(lambda: receive_all(dialogue, (block for _ in range(1000))))
    assert used < 4 * RULES.ahead
    assert dialogue.stored(KEPT) == [Reply(KEPT.line + replies.TOO_MUCH_AHEAD), HangUp()]


def test_what_is_sent_ahead_within_the_bound_is_answered() -> None:
    dialogue = fresh()
    dialogue.receive(BEGUN + b".\r\n")
    assert dialogue.waiting
    for byte in b"NOOP\r\n" * 900:
        assert dialogue.receive(bytes([byte])) == []
    assert dialogue.stored(KEPT) == [Reply(KEPT.line + replies.OK * 900)]
    assert not dialogue.waiting


def test_a_million_commands_are_cut_short() -> None:
    dialogue = fresh()
    events = dialogue.receive(b"NOOP\r\n" * 1_000_000)
    assert events == [Reply(replies.OK * RULES.commands + replies.TOO_MANY_COMMANDS), HangUp()]
    assert dialogue.receive(b"NOOP\r\n" * 1_000_000) == []


@pytest.mark.parametrize(
    "turn", [b"RSET\r\n", b"HELO me\r\n", b"MAIL FROM:<a@example.test>\r\nRSET\r\n", b"VRFY x\r\n"]
)
def test_commands_that_bring_no_mail_forward_come_to_an_end(turn: bytes) -> None:
    dialogue = fresh()
    dialogue.receive(b"HELO me\r\n")
    events = dialogue.receive(turn * 1000)
    assert events[-1] == HangUp()
    assert text(events).endswith(replies.TOO_MANY_COMMANDS)


def test_a_million_recipients_are_cut_short() -> None:
    dialogue = fresh()
    dialogue.receive(b"HELO me\r\nMAIL FROM:<a@example.test>\r\n")
    events = dialogue.receive(b"RCPT TO:<b@example.test>\r\n" * 100_000)
    said = text(events)
    assert said.count(replies.RECIPIENT_OK) == RULES.recipients
    assert said.count(replies.TOO_MANY_RECIPIENTS) == RULES.commands - 2
    assert said.endswith(replies.TOO_MANY_COMMANDS)
    assert events[-1] == HangUp()


def test_those_within_the_limit_get_the_mail() -> None:
    dialogue = fresh()
    dialogue.receive(b"HELO me\r\nMAIL FROM:<a@example.test>\r\n")
    dialogue.receive(b"RCPT TO:<b@example.test>\r\n" * 150)
    _, mail = dialogue.receive(b"DATA\r\n.\r\n")
    assert isinstance(mail, Mail)
    assert len(mail.recipients) == 100


def test_mails_do_not_use_up_the_commands() -> None:
    dialogue = fresh(commands=5)
    dialogue.receive(b"HELO me\r\n")
    for _ in range(20):
        dialogue.receive(BEGUN.removeprefix(b"HELO me\r\n") + b".\r\n")
        assert dialogue.stored(KEPT) == [Reply(KEPT.line)]


def test_mails_that_are_not_stored_do() -> None:
    dialogue = fresh(commands=5)
    for _ in range(2):
        dialogue.receive(BEGUN + b".\r\n")
        last = dialogue.stored(Answer(452, "4.3.1", "full")) if dialogue.waiting else []
    assert last == []
    assert dialogue.time_limit is None


@pytest.mark.parametrize(("more", "long"), [(0, False), (1, True)])
def test_a_line_has_its_limit_and_not_a_byte_more(more: int, long: bool) -> None:
    command = b"NOOP " + b"x" * (RULES.line - 7 + more) + b"\r\n"
    sign_in = b"AUTH PLAIN " + b"x" * (RULES.auth_line - 13 + more) + b"\r\n"
    for line, right in ((command, replies.OK), (sign_in, replies.NO_AUTH)):
        for step in (1, len(line)):
            dialogue = fresh()
            said = [dialogue.receive(line[at : at + step]) for at in range(0, len(line), step)]
            assert text(said[-1]) == (replies.LINE_TOO_LONG if long else right)
            assert not any(said[:-1])


def test_a_line_of_a_sign_in_has_its_limit_too() -> None:
    rules = Rules("relay.example.test", auth_offered=True, insecure_auth_without_tls=True)
    dialogue = fresh(rules)
    dialogue.receive(b"EHLO me\r\nAUTH PLAIN\r\n")
    assert text(dialogue.receive(b"A" * 12287 + b"\r\nNOOP\r\n")) == replies.AUTH_LINE_TOO_LONG + replies.OK


def test_a_slow_client_makes_no_progress() -> None:
    dialogue = fresh()
    assert dialogue.time_limit == RULES.command_seconds
    before = dialogue.progress
    for byte in b"NOOP with a long word":
        dialogue.receive(bytes([byte]))
    assert dialogue.progress == before
    dialogue.receive(b"\r\n")
    assert dialogue.progress > before
    dialogue.receive(BEGUN)
    assert dialogue.time_limit == RULES.data_seconds
    before = dialogue.progress
    for _ in range(BLOCK - 1):
        dialogue.receive(b"x")
    assert dialogue.progress == before
    dialogue.receive(b"x")
    assert dialogue.progress > before
    dialogue.receive(b"\r\n.\r\n")
    assert dialogue.time_limit is None, "it waits for us"


def test_an_address_has_its_limit() -> None:
    dialogue = fresh()
    dialogue.receive(b"HELO me\r\n")
    long_domain = b"a@" + b"b" * 255
    assert text(dialogue.receive(b"MAIL FROM:<%b>\r\n" % (long_domain + b"b"))) == replies.BAD_SENDER
    assert text(dialogue.receive(b"MAIL FROM:<%b>\r\n" % long_domain)) == replies.SENDER_OK
    long_local = b"x" * 499 + b"@example.test"
    assert text(dialogue.receive(b"RCPT TO:<x%b>\r\n" % long_local)) == replies.BAD_RECIPIENT
    assert text(dialogue.receive(b"RCPT TO:<%b>\r\n" % long_local)) == replies.RECIPIENT_OK


@pytest.mark.parametrize(
    "wrong",
    [
        {"hostname": ""},
        {"hostname": "a b"},
        {"hostname": "a\r\nb"},
        {"hostname": "bücher.example"},
        {"recipients": 99},
        {"line": 1023},
        {"auth_line": 2000},
        {"auth_required": True},
        {"size_limit": 0},
        {"errors": 0},
        {"data_seconds": 0.0},
    ],
)
def test_rules_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Rules(**{"hostname": "relay.example.test", **wrong})  # type: ignore[arg-type]
