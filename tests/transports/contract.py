"""What every transport must do, whatever it speaks: each one's tests inherit this class.

A message's bytes arrive as they left; only the envelope's recipients get it; a probe sends
nothing; unsafe text is refused before it travels.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from dataclasses import dataclass

import pytest

from tests.transports.corpus import messages
from tests.transports.watching import Watcher
from transports.base import Cause, Envelope, Status, StepName, Transport, TransportError


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message at its goal."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


_SMIME = (
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
    b' micalg="sha-256"; boundary="----B1"\r\n\r\n'
    b"This is an S/MIME signed message\r\n\r\n------B1\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"Trailing space \r\n\ttab\r\n.\r\n\xc3\xa4\r\n\r\n------B1\r\n"
    b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n\r\n------B1--\r\n\r\n"
)

CORPUS: dict[str, bytes] = {
    "plain": b"\r\nhello\r\n",
    "dots at line start": b"\r\n.\r\n..\r\n...\r\n.a\r\n. \r\nend\r\n.\r\n",
    "ends with a dot and no newline": b"\r\nend\r\n.",
    "no final newline": b"\r\nno newline at the end",
    "long lines": b"\r\n" + b"x" * 998 + b"\r\n." + b"y" * 996 + b"\r\n",
    "8-bit": b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe4\xf6\xfc\xdf\xff\x80\r\n",
    "UTF-8": "Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße, 世界 🌍\r\n".encode(),
    "signed multipart": _SMIME,
    "empty body": b"\r\n",
    "blank lines at the end": b"\r\nend\r\n\r\n\r\n\r\n",
    "white space at line ends": b"\r\nend \r\n\t\r\n \r\n",
    "folded header": b"X-Long: one\r\n two\r\n\tthree\r\n\r\nbody\r\n",
    "From at line start": b"\r\nFrom here on\r\n>From there\r\n",
    "control characters": b"\r\n\x01\x1b[31mred\x7f\x0c\x0b\r\n",
    "much": b"\r\n" + b"0123456789abcdef" * 60 + b"\r\n." + b"z" * 900 + b"\r\n" * 500,
}


AUTHOR = b"Alice <alice@example.test>"
LISTED = b"Listed Person <listed@example.test>"
"""Somebody who stands in the header, and is in no envelope."""


def message(body: bytes, token: str, to: bytes = LISTED, author: bytes = AUTHOR) -> bytes:
    """Headers that say which message it is, and the rest as given (it begins after a header line)."""
    return (
        b"From: " + author + b"\r\nTo: " + to + b"\r\n"
        b"Subject: contract\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
        b"Message-ID: <" + token.encode() + b"@example.test>\r\n" + body
    )


def with_final_newline(content: bytes) -> bytes:
    """What SMTP makes of a message: it cannot carry one whose last line does not end."""
    return content if content.endswith(b"\r\n") else content + b"\r\n"


class TransportContract:
    """Inherit, and say how to get a transport that is open and signed in, and what arrived."""

    sender = "alice@example.test"
    author = b"Alice <alice@example.test>"  # in From: some services ask for their own
    headers_are_added = True  # a relay puts its trace headers in front
    lines_end = True  # a last line that does not end gets its end
    mends_line_ends = False  # a bare CR or LF becomes a line end, and is not refused

    def message(self, body: bytes, token: str, to: bytes = LISTED) -> bytes:
        """See `message`, from this transport's author."""
        return message(body, token, to, self.author)

    @pytest.fixture
    async def way(self) -> Transport:
        """An open, signed-in transport; closed after the test."""
        raise NotImplementedError

    @abstractmethod
    async def arrived(self, token: str) -> Arrived:
        """The message with this token in its Message-ID, once it is there."""

    @abstractmethod
    def arrived_so_far(self, recipient: str) -> int:
        """How many messages for that recipient are there now."""

    @pytest.mark.parametrize("name", CORPUS)
    async def test_bytes_arrive_unchanged(self, way: Transport, name: str) -> None:
        token = uuid.uuid4().hex
        content = self.message(CORPUS[name], token, b"Bob <bob@example.test>")
        receipt = await way.send(Envelope(self.sender, ("bob@example.test",), content), Watcher().trace)
        assert [o.failure for o in receipt.outcomes] == [None]
        got = (await self.arrived(token)).content
        expected = with_final_newline(content) if self.lines_end else content
        assert got == expected or (self.headers_are_added and got.endswith(b"\r\n" + expected))

    @pytest.mark.parametrize("name", messages.NAMES)
    async def test_hostile_but_legal_messages_arrive_as_sent(self, way: Transport, name: str) -> None:
        token = uuid.uuid4().hex
        content = messages.named(name, token, author=self.author)
        sent = Envelope(self.sender, messages.addressed(name), content)
        try:
            receipt = await way.send(sent, Watcher().trace)
        except TransportError as error:
            # Only where the server says that it knows no such addresses (RFC 6531).
            if (error.failure.cause, name) != (Cause.SMTPUTF8_NOT_OFFERED, "SMTPUTF8 addresses"):
                raise
            return
        # The queue knows its recipients by these very addresses.
        assert [(o.recipient, o.failure) for o in receipt.outcomes] == [(r, None) for r in sent.recipients]
        got = await self.arrived(token)
        expected = with_final_newline(content) if self.lines_end else content
        if not content.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in content:
            expected += b"\r\n"  # a header alone gets the empty line behind it
        assert got.content in (expected, content) or (
            self.headers_are_added and got.content.endswith(b"\r\n" + with_final_newline(content))
        )

    async def test_only_the_envelope_decides_who_gets_it(self, way: Transport) -> None:
        token = uuid.uuid4().hex
        wanted = ("bob@example.test", "carol+tag@example.test")
        await way.send(Envelope(self.sender, wanted, self.message(b"\r\nhi\r\n", token)), Watcher().trace)
        got = await self.arrived(token)
        assert sorted(got.recipients) == sorted(wanted)
        assert got.sender == self.sender

    async def test_a_recipient_named_twice_gets_it_once(self, way: Transport) -> None:
        token = uuid.uuid4().hex
        envelope = Envelope(
            self.sender, ("bob@example.test", "bob@example.test"), self.message(b"\r\nhi\r\n", token)
        )
        receipt = await way.send(envelope, Watcher().trace)
        assert [o.recipient for o in receipt.outcomes] == ["bob@example.test"]
        assert (await self.arrived(token)).recipients == ("bob@example.test",)

    async def test_two_messages_on_one_connection(self, way: Transport) -> None:
        tokens = [uuid.uuid4().hex, uuid.uuid4().hex]
        for token in tokens:
            envelope = Envelope(self.sender, ("bob@example.test",), self.message(b"\r\nhi\r\n", token))
            await way.send(envelope, Watcher().trace)
        for token in tokens:
            assert token.encode() in (await self.arrived(token)).content

    async def test_a_probe_sends_nothing_and_leaves_the_way_open(self, way: Transport) -> None:
        probed = f"probe-{uuid.uuid4().hex}@example.test"
        watcher = Watcher()
        await way.probe(self.sender, probed, watcher.trace)
        assert sorted(watcher.names()) == ["permission", "sender"]
        token = uuid.uuid4().hex
        envelope = Envelope(self.sender, ("bob@example.test",), self.message(b"\r\nhi\r\n", token))
        await way.send(envelope, Watcher().trace)
        await self.arrived(token)
        assert self.arrived_so_far(probed) == 0

    @pytest.mark.parametrize("bad", ["\r\nRCPT TO:<eve@example.test>", "\n", "\r", "\0", "> SIZE=1 <"])
    @pytest.mark.parametrize("place", ["sender", "recipient"])
    async def test_an_address_cannot_bring_a_command(self, way: Transport, bad: str, place: str) -> None:
        address = f"bob{bad}@example.test"
        sender, to = (address, "bob@example.test") if place == "sender" else (self.sender, address)
        watcher = Watcher()
        content = self.message(b"\r\nhi\r\n", "x")
        with pytest.raises(TransportError) as caught:
            await way.send(Envelope(sender, ("carol@example.test", to), content), watcher.trace)
        assert caught.value.failure.cause is Cause.UNSAFE_TEXT
        assert watcher[StepName.SEND].evidence == ()  # not one command was said
        with pytest.raises(TransportError):
            await way.probe(sender, to, Watcher().trace)

    @pytest.mark.parametrize("bad", [b"a\nb", b"a\rb", b"a\0b", b"a\n.\nQUIT\r\n", b"a\r\r\nb", b"a\r"])
    async def test_unsafe_content_is_refused_not_changed(self, way: Transport, bad: bytes) -> None:
        if self.mends_line_ends:
            token = uuid.uuid4().hex
            mail = Envelope(self.sender, ("bob@example.test",), self.message(b"\r\n" + bad, token))
            if b"\0" in bad:
                with pytest.raises(TransportError):
                    await way.send(mail, Watcher().trace)
                return
            await way.send(mail, Watcher().trace)
            got = (await self.arrived(token)).content
            assert got.count(b"\n") == got.count(b"\r") == got.count(b"\r\n")
            return
        watcher = Watcher()
        envelope = Envelope(self.sender, ("bob@example.test",), self.message(b"\r\n" + bad, "x"))
        with pytest.raises(TransportError) as caught:
            await way.send(envelope, watcher.trace)
        assert caught.value.failure.cause is Cause.UNSAFE_TEXT
        assert watcher[StepName.SEND].evidence == ()

    async def test_steps_are_seen_running_and_then_ended(self, way: Transport) -> None:
        watcher = Watcher()
        envelope = Envelope(self.sender, ("bob@example.test",), self.message(b"\r\nhi\r\n", uuid.uuid4().hex))
        await way.send(envelope, watcher.trace)
        assert watcher.begun == [StepName.SEND]
        assert [(s.name, s.status) for s in watcher.steps] == [(StepName.SEND, Status.PASS)]
        assert watcher.steps[0].seconds > 0

    async def test_close_may_be_called_twice(self, way: Transport) -> None:
        await way.close()
        await way.close()
        with pytest.raises(TransportError):
            await way.send(Envelope(self.sender, ("bob@example.test",), b"\r\n"), Watcher().trace)
