"""The line to an SMTP server: one command, one answer, each with its time limit. It owns aiosmtplib.

Whatever a server sends, what comes out is a Reply or a TransportError; no answer is ever taken for
the answer to another command, and no secret reaches the transcript.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Iterable, Sequence

from aiosmtplib.errors import SMTPException
from aiosmtplib.response import SMTPResponse

from transports.base import CancelledAfterHandOver, Cause, Scope, StepName, TransportError
from transports.net.failures import cause_of, deadline, from_error, unreachable, words_of
from transports.shown import harmless, masked
from transports.smtp_protocol import REMEMBERED, Protocol
from transports.smtp_replies import Reply, refusal
from transports.trace import OpenStep

_CHUNK = 65536
_PATIENCE = 2.0  # seconds at most for a silent server to show that it waits for TLS
_TLS_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")
_CLOSING = re.compile(rb"^421[ -]", re.MULTILINE)


class Wire:
    """A conversation with one server. `close` at any time; after a failure nothing else is of use."""

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._hidden: set[str] = set()
        self._our_turn = False  # the last command was answered, and nothing went wrong since

    @classmethod
    async def over(cls, sock: socket.socket) -> Wire:
        """Take over a connected socket, which is closed with the wire."""
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.create_connection(Protocol, sock=sock)
        except BaseException:  # a cancelled task too: the socket is ours now
            sock.close()
            raise
        return cls(transport, protocol)

    @classmethod
    async def over_tls(cls, sock: socket.socket, context: ssl.SSLContext, name: str, seconds: float) -> Wire:
        """TLS first, on a connected socket; raises TransportError of the step `tls`.

        Not by create_connection(ssl=…): cancelled in the handshake, it leaves its transport on the
        socket's number, and the next connection that gets this number fails.
        """
        wire = await cls.over(sock)
        done = False
        try:
            if wire._protocol.seen:
                words = "the server spoke first, in plain text"
                raise unreachable(StepName.TLS, Cause.TLS_ON_PLAIN_PORT, words)
            await wire._secure(context, name, StepName.TLS, seconds)
            done = True
        finally:
            if not done:
                wire.abort()
        return wire

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session, or None while everything travels in the clear."""
        found = self._transport.get_extra_info("ssl_object")
        return found if isinstance(found, ssl.SSLObject) else None

    @property
    def local_ip(self) -> str:
        """This machine's address on the connection."""
        name = self._transport.get_extra_info("sockname")
        return str(name[0]) if isinstance(name, tuple) and name else "127.0.0.1"

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these texts show as *** in transcript and failures, even if the server repeats them."""
        self._hidden.update(secrets)

    def _masked(self, text: str) -> str:
        return masked(text, self._hidden)

    async def greeting(self, step: OpenStep, seconds: float) -> Reply:
        """The server's first words; a silent one is asked whether it waits for TLS."""
        try:
            return await self._read(step, step.name, seconds, "waiting for the greeting")
        except TransportError as error:
            silent = error.failure.cause is Cause.TIMED_OUT and not self._protocol.seen
            if silent and self.tls is None and await self._waits_for_tls(min(seconds, _PATIENCE)):
                words = "the server waits for TLS, and was spoken to in plain text"
                raise unreachable(step.name, Cause.PLAIN_ON_TLS_PORT, words) from error
            raise

    async def _waits_for_tls(self, seconds: float) -> bool:
        """A server that wants TLS answers a plain line with an alert, or hangs up at once."""
        try:
            async with asyncio.timeout(seconds):
                self._protocol.write(b"QUIT\r\n")
                await self._protocol.read_response()
        except TimeoutError:
            return bool(_TLS_RECORD.match(self._protocol.seen))
        except SMTPException:
            return not self._protocol.seen or bool(_TLS_RECORD.match(self._protocol.seen))
        return False

    async def command(
        self,
        line: str | bytes,
        step: OpenStep,
        *,
        seconds: float,
        at: StepName | None = None,
        shown: str | None = None,
        shown_answer: str | None = None,
    ) -> Reply:
        """Say one line and hear the answer.

        `at` is the step a failure belongs to, where it is not the one being watched. `shown` is
        what the transcript has in place of a line with a secret, `shown_answer` of a 3xx answer.
        """
        data = line.encode("utf-8") if isinstance(line, str) else line
        text = shown if shown is not None else data.decode("utf-8", "replace")
        where = at or step.name
        self._our_turn = False
        self._listen_first(step, where)
        step.said("C", self._masked(text))
        self._write(data + b"\r\n", step, where)
        # The keyword alone: a time-out's words must not carry an address or a secret.
        doing = f"waiting for the answer to {text.split(' ', 1)[0]}"
        return await self._read(step, where, seconds, doing, shown_answer)

    async def say_together(
        self, lines: Sequence[tuple[StepName, str]], step: OpenStep, *, seconds: float
    ) -> AsyncGenerator[Reply, None]:
        """Say several lines at once (PIPELINING, RFC 2920); gives the answer to each, in order.

        Each line has the step that its failure belongs to. Read it to its end: what is not read
        would be taken for the answer to another command.
        """
        protocol = self._protocol
        self._our_turn = False
        self._listen_first(step, lines[0][0])
        for _, line in lines:
            step.said("C", self._masked(line))
        data = "".join(f"{line}\r\n" for _, line in lines).encode("utf-8")
        self._write(data, step, lines[0][0])
        protocol.news = asyncio.Event()
        try:
            for left, (where, line) in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
                doing = f"waiting for the answer to {line.split(' ', 1)[0]}"
                while not (end := protocol.end_of_reply()):
                    if not protocol.is_connected or len(protocol.seen) >= REMEMBERED:
                        raise self._gone(step, where, None)
                    protocol.news.clear()
                    async with deadline(where, seconds, doing):
                        await protocol.news.wait()
                reply = self._parsed(bytes(protocol.seen[:end]), step, where)
                del protocol.seen[:end]
                self._record(step, reply, None)
                if not left and protocol.seen:
                    raise unreachable(where, Cause.NOT_SMTP, "the server said more than it was asked")
                self._our_turn = not left
                yield reply
        finally:
            protocol.news = None

    def _parsed(self, data: bytes, step: OpenStep, where: StepName) -> Reply:
        lines = data.decode("utf-8", "replace").splitlines() or [""]
        code = lines[0][:3]
        if not (code.isascii() and code.isdigit()) or not 200 <= int(code) <= 599:
            said = harmless(self._masked(lines[0][:200]).strip())
            step.said("S", said)
            raise unreachable(where, Cause.NOT_SMTP, f"not an answer of SMTP: {said}")
        return Reply(int(code), tuple(harmless(self._masked(line[4:].strip())) for line in lines))

    def _listen_first(self, step: OpenStep, where: StepName) -> None:
        """Nothing may lie in the line before a command: it would be taken for the answer."""
        spare = self._protocol.behind_the_reply() if self._protocol.seen else b""
        if _CLOSING.search(spare):
            raise TransportError(refusal(where, Scope.SERVER, self._closing(spare, step)))
        if spare and self._protocol.is_connected:
            step.said("S", self._masked(spare.decode("utf-8", "replace").strip()))
            raise unreachable(where, Cause.NOT_SMTP, "the server said more than it was asked")

    def _closing(self, data: bytes, step: OpenStep) -> Reply:
        found = _CLOSING.search(data)
        line = data[found.start() if found else 0 :].split(b"\n", 1)[0].decode("utf-8", "replace").strip()
        step.said("S", self._masked(line))
        return Reply(421, (self._masked(line[4:]),))

    def _write(self, data: bytes, step: OpenStep, where: StepName) -> None:
        if not self._protocol.is_connected:
            raise self._gone(step, where, None)
        self._protocol.seen.clear()
        try:
            self._protocol.write(data)
        except SMTPException as error:
            raise self._gone(step, where, error) from error

    async def _read(
        self, step: OpenStep, where: StepName, seconds: float, doing: str, shown_answer: str | None = None
    ) -> Reply:
        try:
            async with deadline(where, seconds, doing):
                answer = await self._protocol.read_response()
        except SMTPException as error:
            raise self._gone(step, where, error) from error
        reply = self._reply(answer)
        if not 200 <= reply.code <= 599:
            step.said("S", str(reply))
            raise unreachable(where, Cause.NOT_SMTP, f"not an answer of SMTP: {reply}")
        self._record(step, reply, shown_answer)
        self._our_turn = True
        return reply

    def _reply(self, answer: SMTPResponse) -> Reply:
        text = answer.message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return Reply(answer.code, tuple(harmless(self._masked(line)) for line in text.split("\n")))

    def _record(self, step: OpenStep, reply: Reply, shown_answer: str | None) -> None:
        if shown_answer is not None and 300 <= reply.code < 400:
            step.said("S", f"{reply.code} {shown_answer}")
            return
        *first, last = reply.lines or ("",)
        for line in first:
            step.said("S", f"{reply.code}-{line}")
        step.said("S", f"{reply.code} {last}")

    def _gone(self, step: OpenStep, where: StepName, error: Exception | None) -> TransportError:
        """Why there is no answer: the last words of the server, nonsense, or a lost connection."""
        seen = bytes(self._protocol.seen)
        if _CLOSING.search(seen):
            return TransportError(refusal(where, Scope.SERVER, self._closing(seen, step)))
        if _TLS_RECORD.match(seen):
            return unreachable(where, Cause.PLAIN_ON_TLS_PORT, "the server answered in TLS")
        if seen.strip():
            said = harmless(self._masked(seen[:200].decode("utf-8", "replace")).strip())
            step.said("S", said)
            if self._protocol.is_connected or not re.match(rb"\d{3}[ -]", seen):
                return unreachable(where, Cause.NOT_SMTP, f"not an answer of SMTP: {said}")
        cause = self._protocol.lost
        if isinstance(cause, ssl.SSLError):  # e.g. TLS 1.3: the server wants a client certificate
            return unreachable(where, cause_of(cause), words_of(cause))
        words = words_of(cause) if cause else "the server closed the connection"
        return unreachable(where, Cause.CONNECTION_LOST, words)

    async def start_tls(self, context: ssl.SSLContext, name: str, step: OpenStep, seconds: float) -> None:
        """The handshake after the 220 to STARTTLS (RFC 3207); what came in the clear is gone.

        Raises STARTTLS_INJECTED when anything lies behind that 220: it would be obeyed as if it
        had come through TLS (CVE-2011-0411 and its kin).
        """
        if self._protocol.behind_the_reply():
            raise unreachable(
                step.name,
                Cause.STARTTLS_INJECTED,
                "unencrypted text followed the answer to STARTTLS: somebody may sit on the line",
            )
        if not self._protocol.is_connected:
            raise self._gone(step, step.name, None)
        self._our_turn = False
        await self._secure(context, name, step.name, seconds)

    async def _secure(self, context: ssl.SSLContext, name: str, where: StepName, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with deadline(where, seconds, "agreeing on TLS"):
                secured = await loop.start_tls(
                    self._transport,
                    self._protocol,
                    context,
                    server_hostname=name.split("%", 1)[0],  # a certificate knows no network interfaces
                    ssl_handshake_timeout=seconds + 1,
                )
        except (OSError, ValueError) as error:
            raise from_error(where, error) from error
        if secured is None:
            raise unreachable(where, Cause.CONNECTION_LOST, "the server closed the connection")
        self._transport = secured
        self._protocol.transport = secured
        self._protocol.seen.clear()

    async def upload(
        self, content: bytes, end: bytes, step: OpenStep, *, seconds: float
    ) -> tuple[Reply | None, TransportError | None, bool]:
        """Send content and its end, and hear the answer.

        Gives (reply, None, handed over), or (None, error, handed over). Handed over means that the
        end of the message may have left this machine, so that only the answer would tell what
        became of it. A server that answers while the message is still coming ends the upload.
        """
        self._our_turn = False
        self._listen_first(step, step.name)
        if not self._protocol.is_connected:
            return None, self._gone(step, step.name, None), False
        self._protocol.seen.clear()
        if len(content) <= _CHUNK and self._protocol.room.is_set():
            return await self._upload_at_once(content + end, step, seconds)
        reading = asyncio.create_task(
            self._read(step, step.name, seconds, "waiting for the answer to the message")
        )
        handed_over = False
        try:
            for place in range(0, len(content), _CHUNK):
                await self._until_room(reading)
                if reading.done() or not self._protocol.is_connected:
                    break
                self._protocol.write(content[place : place + _CHUNK])
            await self._until_room(reading)
            if not reading.done() and self._protocol.is_connected:
                handed_over = True
                self._protocol.write(end)
            return await reading, None, handed_over
        except SMTPException as error:
            return None, self._gone(step, step.name, error), handed_over
        except TransportError as error:
            return None, error, handed_over
        except asyncio.CancelledError as error:
            if handed_over:
                raise CancelledAfterHandOver from error
            raise
        finally:
            reading.cancel()

    async def _upload_at_once(
        self, data: bytes, step: OpenStep, seconds: float
    ) -> tuple[Reply | None, TransportError | None, bool]:
        """A small message in one piece: from here on only the answer tells what became of it."""
        try:
            self._protocol.write(data)
        except SMTPException as error:
            return None, self._gone(step, step.name, error), False
        try:
            reply = await self._read(step, step.name, seconds, "waiting for the answer to the message")
        except TransportError as error:
            return None, error, True
        except asyncio.CancelledError as error:
            raise CancelledAfterHandOver from error
        return reply, None, True

    async def _until_room(self, reading: asyncio.Task[Reply]) -> None:
        """Wait until more may be written, or until the server has answered (or gone)."""
        await asyncio.sleep(0)  # the reader must be listening before the first byte leaves
        if self._protocol.room.is_set() or reading.done():
            return
        room = asyncio.create_task(self._protocol.room.wait())
        try:
            await asyncio.wait({room, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.cancel()

    async def quit(self, step: OpenStep, seconds: float) -> None:
        """Say goodbye, if it is our turn to speak, and hang up."""
        try:
            if self._our_turn:
                await self.command("QUIT", step, seconds=seconds)
        except TransportError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()
