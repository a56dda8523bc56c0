"""The relay's side of one SMTP connection, without the connection: bytes in, events out (RFC 5321).

With PIPELINING (RFC 2920), SIZE (1870), 8BITMIME (6152), SMTPUTF8 (6531), DSN (3461), enhanced status
codes (2034), STARTTLS (3207), AUTH PLAIN and LOGIN (4954). It reads no clock, no socket and no disk,
and it must never keep more than `Rules` allows, whatever the client sends and in whatever pieces.

    commands --MAIL, RCPT, DATA--> content --its end--> waits for `stored` --------> commands
    commands --AUTH--> sign-in lines -----------------> waits for `logged_in` -----> commands
    commands --STARTTLS-------------------------------> waits for `tls_started` ---> commands
"""

from __future__ import annotations

from collections.abc import Callable

from outmail.relay import replies
from outmail.relay.content import Content
from outmail.relay.events import Body, Dropped, Event, HangUp, Mail, Recipient, Reply, Sender, StartTls
from outmail.relay.replies import Answer
from outmail.relay.rules import BLOCK, Rules
from outmail.relay.session import Phase, Session

_MISTAKES = frozenset({b"500", b"501", b"502", b"503", b"504", b"530", b"535", b"538", b"555"})
"""Replies that count against the client. A recipient refused is no mistake."""
_LAST_WORDS = frozenset({b"221", b"421", b"521"})
# Names of their own and tuples, for every line asks: Enum's class is slow to give a member, and a set
# would ask for its hash, which Enum computes in Python.
_COMMANDS, _CONTENT = Phase.COMMANDS, Phase.CONTENT
_READS_LINES = (_COMMANDS, Phase.SIGN_IN)
_READS_ON = (*_READS_LINES, _CONTENT)
_WAITS = (Phase.WAITS_FOR_LOGIN, Phase.WAITS_FOR_STORE)


class Dialogue:
    """One connection with a client at `peer` (its address, as text), under the rules of its listener.

    `may_send` and `may_receive` are asked for each sender and recipient and return None or a refusal
    (4xx or 5xx). They are functions and not events, because a client pipelines a hundred recipients:
    each answer must be known before the next command is read, and none of them takes a wait. What
    does take one (a password's hash, a disk) is an event.

    `progress` changes whenever the client has done something. A listener that counts `time_limit`
    from its last change, and not from the last byte, is not held by a client that sends slowly.
    """

    def __init__(
        self,
        rules: Rules,
        peer: str,
        *,
        tls: bool = False,
        may_send: Callable[[Sender], Answer | None] = lambda _sender: None,
        may_receive: Callable[[Recipient], Answer | None] = lambda _recipient: None,
    ) -> None:
        self._rules = rules
        self._session = Session(rules, peer, tls, may_send, may_receive)
        self.progress = 0
        self._events: list[Event] = []
        self._out: list[bytes] = []  # replies that no event holds yet
        self._unread = b""  # the beginning of a line
        self._skipping = False  # a line that is too long; `_unread` is its last byte then
        self._ahead = bytearray()  # what came while the client has to wait
        self._parting = b""  # to be said, instead of reading on, when the wait is over
        self._content = Content(0, 0)
        self._handed_on = False  # pieces of this content
        self._errors = 0
        self._commands = 0  # since the last mail

    def greeting(self) -> bytes:
        """What to send first."""
        return self._rules.greeting

    def receive(self, data: bytes) -> list[Event]:
        """Read what came; what follows from it, in order."""
        phase = self._session.phase
        if phase in _READS_ON:
            self._read(self._unread + data if self._unread else data)
        elif phase in _WAITS:
            self._put_by(data)
        elif phase is Phase.WAITS_FOR_TLS:
            self._hang_up()  # plain text where TLS must begin: no answer would be understood
        return self._happened()

    def stored(self, answer: Answer) -> list[Event]:
        """Answer a `Mail`: 250 once it is durable, else why it was not taken (451, 452, 552, 554 …)."""
        self._waited(Phase.WAITS_FOR_STORE)
        self._session.reset()
        if answer.code < 400:
            self._session.mails += 1
            self._commands = 0
        return self._go_on(answer.line)

    def logged_in(self, ok: bool) -> list[Event]:
        """Answer a `Login`: whether user name and password are right."""
        self._waited(Phase.WAITS_FOR_LOGIN)
        return self._go_on(self._session.signed_in(ok))

    def log_in_later(self) -> list[Event]:
        """Answer a `Login` that could not be checked: the client is to come again, not to give up."""
        self._waited(Phase.WAITS_FOR_LOGIN)
        self._session.signed_in(False)
        return self._go_on(replies.SIGN_IN_LATER)

    def tls_started(self) -> None:
        """TLS is on: all that was said before it is forgotten (RFC 3207, section 4.2)."""
        self._waited(Phase.WAITS_FOR_TLS)
        self._session.forget(tls=True)
        self.progress += 1

    def timed_out(self) -> list[Event]:
        """The client made no progress within `time_limit`."""
        return self._close(replies.TIMED_OUT)

    def shut_down(self) -> list[Event]:
        """The relay ends. A mail that is being stored is answered first."""
        return self._close(replies.SHUTTING_DOWN)

    @property
    def time_limit(self) -> float | None:
        """Seconds that the client has for its next progress; None where it waits for us."""
        phase = self._session.phase
        if phase is _CONTENT:
            return self._rules.data_seconds
        return self._rules.command_seconds if phase in _READS_LINES else None

    @property
    def waiting(self) -> bool:
        """Whether the client has to wait for an answer: a good moment to stop reading."""
        return self._session.phase in _WAITS

    @property
    def username(self) -> str:
        """Who has signed in; "" for nobody."""
        return self._session.username

    # Bytes become lines and content

    def _read(self, data: bytes) -> None:
        start, size, session = 0, len(data), self._session
        while start < size:
            phase = session.phase
            if phase in _READS_LINES:
                end = data.find(b"\n", start)
                if end < 0:
                    self._put_back(data[start:] if start else data)
                    return
                self._end_line(data[start:end])
                start = end + 1
            elif phase is _CONTENT:
                left = self._read_content(data[start:] if start else data)
                if left is None:
                    return
                data, start, size = left, 0, len(left)
            else:
                break
        if session.phase not in _READS_ON:
            self._stop(data[start:])

    def _put_back(self, part: bytes) -> None:
        """Keep a line that has not ended; of one that is too long no more than its last byte."""
        if self._skipping or len(part) >= self._longest(part):
            self._skipping = True
            part = part[-1:]
        self._unread = part

    def _longest(self, line: bytes) -> int:
        long = self._session.phase is Phase.SIGN_IN or line[:5].upper() == b"AUTH "
        return self._rules.auth_line if long else self._rules.line

    def _end_line(self, line: bytes) -> None:
        """Obey a line; the CR of its CR LF is its last byte."""
        session = self._session
        self.progress += 1
        self._unread = b""
        length = len(line)
        if self._commands >= self._rules.commands:
            reply = replies.TOO_MANY_COMMANDS
        elif (
            line.find(b"\r") != length - 1
            or not length
            or 0 in line
            or self._skipping
            or (length >= self._rules.line and length >= self._longest(line))
        ):
            reply = self._refuse(line)
        elif session.phase is _COMMANDS:
            reply = session.obey(line[:-1])
            if reply is replies.RECIPIENT_OK:
                self._out.append(reply)
                return
            if reply is replies.GO_ON:
                self._content = Content(self._rules.size_limit, self._rules.in_memory)
        else:
            reply = session.sign_in(line[:-1])
        self._commands += 1
        if reply:
            self._say(reply)
        elif session.login is not None:
            self._tell(session.login)

    def _refuse(self, line: bytes) -> bytes:
        """What to say to a line that is too long, or holds what no line may hold."""
        session = self._session
        too_long = self._skipping or len(line) >= self._longest(line)
        long = replies.AUTH_LINE_TOO_LONG if session.phase is Phase.SIGN_IN else replies.LINE_TOO_LONG
        self._skipping = False
        session.phase = Phase.COMMANDS  # a sign-in is over with it
        if line[-1:] != b"\r":
            # A program that lets a line break into a command is misused: what follows it is not the
            # command that the program meant to give.
            return replies.BARE_LF
        return long if too_long else replies.BAD_CHARACTER

    def _read_content(self, data: bytes) -> bytes | None:
        """Read on in the content; what follows its end, or None while it is not reached."""
        content = self._content
        blocks = content.size // BLOCK
        left = content.take(data)
        if content.spoiled:
            # No progress: what is left of a mail that is refused must come within one time limit.
            self._drop()
        else:
            self.progress += content.size // BLOCK - blocks
            piece = content.spill() if left is None else b""
            if piece:
                self._tell(Body(piece))
                self._handed_on = True
        if left is not None:
            self._end_content(content)
        return left

    def _end_content(self, content: Content) -> None:
        session = self._session
        self.progress += 1
        if content.spoiled or session.sender is None:
            session.phase = Phase.COMMANDS
            session.reset()
            self._say(replies.BARE_BYTES if content.bare else replies.TOO_BIG)
            return
        session.phase = Phase.WAITS_FOR_STORE
        self._handed_on = False
        sender = session.sender
        self._tell(
            Mail(
                sender,
                session.recipients,
                content.rest(),
                content.size,
                session.helo,
                session.protocol(sender),
                session.username,
            )
        )

    # Waiting, and the end

    def _stop(self, rest: bytes) -> None:
        """What becomes of bytes that must not be read now."""
        phase = self._session.phase
        if phase in _WAITS:
            self._put_by(rest)
        elif phase is Phase.WAITS_FOR_TLS:
            if rest:
                # Plain text that would be taken for what came under TLS: somebody put it there.
                self._say(replies.TEXT_BEFORE_TLS)
            else:
                self._say(replies.START_TLS)
                self._tell(StartTls())

    def _put_by(self, data: bytes) -> None:
        if len(self._ahead) + len(data) > self._rules.ahead:
            self._part_with(replies.TOO_MUCH_AHEAD)
        if not self._parting:
            self._ahead += data

    def _part_with(self, words: bytes) -> None:
        self._parting = self._parting or words
        self._ahead = bytearray()

    def _waited(self, phase: Phase) -> None:
        if self._session.phase is not phase:
            raise RuntimeError(f"the dialogue is at {self._session.phase.name}, not at {phase.name}")
        self._session.phase = Phase.COMMANDS

    def _go_on(self, reply: bytes) -> list[Event]:
        self.progress += 1
        self._say(reply)
        if self._parting:
            self._say(self._parting)
        elif self._ahead:
            ahead, self._ahead = bytes(self._ahead), bytearray()
            self._read(ahead)
        return self._happened()

    def _close(self, words: bytes) -> list[Event]:
        phase = self._session.phase
        if phase in _WAITS:
            self._part_with(words)
        elif phase is Phase.WAITS_FOR_TLS:
            self._hang_up()
        else:
            self._say(words)
        return self._happened()

    def _say(self, reply: bytes) -> None:
        if self._session.phase is Phase.OVER:
            return  # it has been said
        self._out.append(reply)
        if reply < b"4" and reply is not replies.BYE:
            return  # most are these
        code = reply[:3]
        if code in _MISTAKES:
            self._errors += 1
            if self._errors >= self._rules.errors:
                self._say(replies.TOO_MANY_ERRORS)
        elif code in _LAST_WORDS:
            self._hang_up()

    def _tell(self, event: Event) -> None:
        if self._out:
            self._events.append(Reply(b"".join(self._out)))
            self._out = []
        self._events.append(event)

    def _happened(self) -> list[Event]:
        found, out = self._events, self._out
        if out:
            found.append(Reply(out[0] if len(out) == 1 else b"".join(out)))
            self._out = []
        self._events = []
        return found

    def _drop(self) -> None:
        if self._handed_on:
            self._tell(Dropped())
            self._handed_on = False

    def _hang_up(self) -> None:
        self._drop()
        self._tell(HangUp())
        self._unread = b""
        self._ahead = bytearray()
        self._content = Content(0, 0)
        self._session.forget(tls=False)
        self._session.phase = Phase.OVER
