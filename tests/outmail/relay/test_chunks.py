"""However the client's bytes are cut, the same is answered and the same is told; and never a crash."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Dropped, Event, HangUp, Login, Mail, Reply, StartTls
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules
from tests.outmail.relay.cutting import cuts, pieces

RULES = Rules(
    "relay.example.test",
    size_limit=120,
    auth_offered=True,
    insecure_auth_without_tls=True,
    mails=3,
    errors=9,
    commands=20,
    line=1024,
    auth_line=1100,
    in_memory=8,
    ahead=1_000_000,
)
WITH_TLS = Rules("relay.example.test", starttls_offered=True)
KEPT = Answer(250, "2.0.0", "kept")

WORDS = [
    b"EHLO me\r\n",
    b"MAIL FROM:<a@example.test>\r\n",
    b"MAIL FROM:<\xc3\xa4@example.test> SMTPUTF8 SIZE=5\r\n",
    b"RCPT TO:<b@example.test>\r\n",
    b"RCPT TO:<b@example.test> NOTIFY=NEVER\r\n",
    b"DATA\r\n",
    b"content\r\n",
    b"x" * 60,
    b"\r\n.\r\n",
    b".\r\n",
    b"..\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b".",
    b"RSET\r\n",
    b"AUTH PLAIN AGFsaWNlAHB3\r\n",
    b"AUTH LOGIN\r\n",
    b"YWxpY2U=\r\n",
    b"AUTH " + b"A" * 1090,
    b"NOOP " + b"A" * 1015,
    b"A" * 1023,
    b"STARTTLS\r\n",
    b"QUIT\r\n",
]
MAIL = b"EHLO me\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
words = st.lists(st.sampled_from(WORDS) | st.binary(max_size=5), max_size=25).map(b"".join)
talk = words | words.map(lambda rest: MAIL + rest)


def all_told(dialogue: Dialogue, parts: list[bytes]) -> list[Event]:
    """Everything the dialogue tells, where all it waits for comes at once."""
    found: list[Event] = []
    for part in parts:
        todo = dialogue.receive(part)
        while todo:
            found += todo
            last = todo[-1]
            if isinstance(last, Mail):
                todo = dialogue.stored(KEPT)
            elif isinstance(last, Login):
                todo = dialogue.logged_in(last.password.reveal() == "pw")
            else:
                todo = []
    return found


def joined(events: list[Event]) -> list[Event]:
    """What is told without regard to the pieces it came in."""
    found: list[Event] = []
    body = b""
    for event in events:
        match event:
            case Body(data):
                body += data
            case Dropped():
                body = b""
            case Mail():
                event.content, body = body + event.content, b""
                found.append(event)
            case Reply(data) if found and isinstance(found[-1], Reply):
                found[-1] = Reply(found[-1].data + data)
            case Login():
                found.append(Reply(f"{event.mechanism} {event.username} {event.password.reveal()}".encode()))
            case _:
                found.append(event)
    return found


def one_by_one(data: bytes) -> list[bytes]:
    """Each byte alone."""
    return [data[at : at + 1] for at in range(len(data))]


@settings(max_examples=400)
@given(talk, cuts)
def test_pieces_make_no_difference(data: bytes, cuts: list[int]) -> None:
    whole = joined(all_told(Dialogue(RULES, "192.0.2.7"), [data]))
    assert joined(all_told(Dialogue(RULES, "192.0.2.7"), pieces(data, cuts))) == whole
    assert joined(all_told(Dialogue(RULES, "192.0.2.7"), one_by_one(data))) == whole


@given(talk, cuts)
def test_what_is_told_keeps_its_form(data: bytes, cuts: list[int]) -> None:
    events = all_told(Dialogue(RULES, "192.0.2.7"), pieces(data, cuts))
    for event in events:
        match event:
            case Reply(reply):
                assert reply.endswith(b"\r\n")
                assert reply.isascii()
                for line in reply.split(b"\r\n")[:-1]:
                    assert line[:3].isdigit()
                    assert line[3:4] in {b" ", b"-"}
                    assert len(line) <= 510
            case Mail():
                assert event.recipients
                assert (
                    event.content.count(b"\r\n") == event.content.count(b"\n") == event.content.count(b"\r")
                )
                assert b"\0" not in event.content
                assert event.size <= RULES.size_limit
                for address in (event.sender.address, *(found.address for found in event.recipients)):
                    assert address.isprintable()
    ends = [at for at, event in enumerate(events) if isinstance(event, HangUp)]
    assert ends in ([], [len(events) - 1])


@given(words, cuts, words)
def test_nothing_in_plain_text_is_obeyed_after_starttls(
    before: bytes, cuts: list[int], behind: bytes
) -> None:
    dialogue = Dialogue(WITH_TLS, "192.0.2.7")
    events = all_told(dialogue, pieces(before + b"\r\nSTARTTLS\r\n" + behind, cuts))
    begun = next((at for at, event in enumerate(events) if isinstance(event, StartTls)), None)
    if begun is not None:
        assert events[begun + 1 :] in ([], [HangUp()])


@given(talk, st.integers(0, 30))
def test_it_can_be_ended_at_any_moment(data: bytes, steps: int) -> None:
    for end in (Dialogue.timed_out, Dialogue.shut_down):
        dialogue = Dialogue(RULES, "192.0.2.7")
        told = [event for part in one_by_one(data)[: steps * 50] for event in dialogue.receive(part)]
        last = end(dialogue)
        if dialogue.waiting:
            assert last == []
            last = dialogue.stored(KEPT) if isinstance(told[-1], Mail) else dialogue.log_in_later()
        over = isinstance(told[-1], HangUp) if told else False
        assert over or isinstance(last[-1], HangUp)
        assert dialogue.receive(b"NOOP\r\n") == []
        assert end(dialogue) == []
        assert dialogue.time_limit is None
