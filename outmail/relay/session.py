"""What a client has said so far, and what each command makes of it: a table of commands, a reply from each.

Lines come in whole and without their ends; what becomes of a mail's content is the dialogue's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from outmail.relay import commands, replies
from outmail.relay.commands import Wrong
from outmail.relay.events import Login, Recipient, Sender
from outmail.relay.replies import Answer, printable
from outmail.relay.rules import Rules
from outmail.relay.sign_in import MECHANISMS, Exchange

_NOT_IN_NAME = re.compile(rb"[^A-Za-z0-9._:\[\]-]")
_LONGEST_NAME = 255


class Phase(Enum):
    """What the next bytes of the client are, or whom it waits for."""

    COMMANDS = auto()
    SIGN_IN = auto()
    CONTENT = auto()
    WAITS_FOR_LOGIN = auto()
    WAITS_FOR_STORE = auto()
    WAITS_FOR_TLS = auto()
    OVER = auto()


class Session:
    """The state of one connection. `obey` and `sign_in` answer a line and move `phase`.

    In the phase WAITS_FOR_LOGIN `login` is the sign-in to check. `helo` is the client's name for
    itself, made harmless for a header field; `username` is who has signed in, "" for nobody.
    """

    def __init__(
        self,
        rules: Rules,
        peer: str,
        tls: bool,
        may_send: Callable[[Sender], Answer | None],
        may_receive: Callable[[Recipient], Answer | None],
    ) -> None:
        self._rules = rules
        self._peer = printable(peer)
        self._may_send = may_send
        self._may_receive = may_receive
        self.mails = 0
        self.forget(tls)

    def forget(self, tls: bool) -> None:
        """Begin anew, as after STARTTLS (RFC 3207, section 4.2)."""
        self.phase = Phase.COMMANDS
        self.helo = ""
        self.username = ""
        self.login: Login | None = None
        self._tls = tls
        self._extended = False
        self._exchange = Exchange("")
        self.reset()

    def reset(self) -> None:
        """End the mail under way, if there is one."""
        self.sender: Sender | None = None
        self.recipients: list[Recipient] = []

    def protocol(self, sender: Sender) -> str:
        """The keyword for a Received field (RFC 3848; RFC 6531, section 4.3)."""
        if not self._extended:
            return "SMTP"
        kind = "UTF8SMTP" if sender.smtputf8 else "ESMTP"
        return kind + ("S" if self._tls else "") + ("A" if self.username else "")

    def obey(self, line: bytes) -> bytes:
        """Do what a command says. The reply; b"" where it comes later."""
        verb, _, argument = line.partition(b" ")
        command = _COMMANDS.get(verb) or _COMMANDS.get(verb.upper(), Session._unknown)
        try:
            return command(self, argument.strip())
        except Wrong as wrong:
            return wrong.reply

    def sign_in(self, line: bytes) -> bytes:
        """Read a line of an AUTH exchange. The reply; b"" when there is a `login` to check."""
        return self._exchanged(self._exchange.answer(line))

    def signed_in(self, ok: bool) -> bytes:
        """What the check of `login` said."""
        login, self.login = self.login, None
        if not ok or login is None:
            return replies.DENIED
        self.username = login.username
        return replies.SIGNED_IN

    # The commands

    def _ehlo(self, argument: bytes) -> bytes:
        if not argument:
            return replies.NO_NAME
        self._hello(argument, extended=True)
        rules = self._rules
        return self._greets("-") + (rules.extensions if self._tls else rules.extensions_without_tls)

    def _helo(self, argument: bytes) -> bytes:
        if not argument:
            return replies.NO_NAME
        self._hello(argument, extended=False)
        return self._greets(" ")

    def _hello(self, name: bytes, *, extended: bool) -> None:
        # Any name will do (RFC 5321, section 4.1.4): printers have strange ones.
        self.helo = _NOT_IN_NAME.sub(b"?", name[:_LONGEST_NAME]).decode("ascii")
        self._extended = extended
        self.reset()

    def _greets(self, separator: str) -> bytes:
        return f"250{separator}{self._rules.hostname} greets {self._peer}\r\n".encode("ascii")

    def _mail(self, argument: bytes) -> bytes:
        rules = self._rules
        if not self.helo:
            return replies.SAY_HELLO
        if self.sender is not None:
            return replies.MAIL_ALREADY
        if rules.auth_required and not self.username:
            return replies.AUTH_FIRST if rules.auth_allowed(tls=self._tls) else replies.TLS_FIRST
        if self.mails >= rules.mails:
            return replies.TOO_MANY_MAILS
        sender = commands.sender(argument)
        if sender.size is not None and sender.size > rules.size_limit:
            return replies.TOO_BIG
        refusal = self._may_send(sender)
        if refusal is not None:
            return refusal.refusing
        self.sender = sender
        return replies.SENDER_OK

    def _rcpt(self, argument: bytes) -> bytes:
        if self.sender is None:
            return replies.SAY_MAIL
        recipient = commands.recipient(argument, smtputf8=self.sender.smtputf8)
        if len(self.recipients) >= self._rules.recipients:
            return replies.TOO_MANY_RECIPIENTS
        refusal = self._may_receive(recipient)
        if refusal is not None:
            return refusal.refusing
        self.recipients.append(recipient)
        return replies.RECIPIENT_OK

    def _data(self, argument: bytes) -> bytes:
        if argument:
            return replies.NO_ARGUMENTS
        if self.sender is None:
            return replies.SAY_MAIL
        if not self.recipients:
            return replies.NO_RECIPIENTS
        self.phase = Phase.CONTENT
        return replies.GO_ON

    def _rset(self, argument: bytes) -> bytes:
        if argument:
            return replies.NO_ARGUMENTS
        self.reset()
        return replies.OK

    def _starttls(self, argument: bytes) -> bytes:
        if argument:
            return replies.NO_ARGUMENTS
        if self._tls:
            return replies.TLS_ALREADY
        if not self._rules.starttls_offered:
            return replies.NO_STARTTLS
        self.phase = Phase.WAITS_FOR_TLS
        return b""  # only when it is known that nothing followed the command

    def _auth(self, argument: bytes) -> bytes:
        rules = self._rules
        if not rules.auth_offered:
            return replies.NO_AUTH
        if not self._extended:
            return replies.SAY_HELLO
        if self.username:
            return replies.AUTH_ALREADY
        if self.sender is not None:
            return replies.NOT_NOW
        if not rules.auth_allowed(tls=self._tls):
            return replies.AUTH_NEEDS_TLS
        mechanism, _, initial = argument.partition(b" ")
        if not mechanism or b" " in initial:
            return replies.AUTH_SYNTAX
        name = mechanism.decode("ascii", "replace").upper()
        if name not in MECHANISMS:
            return replies.NO_MECHANISM
        self._exchange = Exchange(name)
        return self._exchanged(self._exchange.begin(initial))

    def _exchanged(self, step: bytes | Login) -> bytes:
        if isinstance(step, Login):
            self.login = step
            self.phase = Phase.WAITS_FOR_LOGIN
            step = b""
        else:
            self.phase = Phase.SIGN_IN if step.startswith(b"334") else Phase.COMMANDS
        if self.phase is not Phase.SIGN_IN:
            self._exchange = Exchange("")  # it holds what the client sent
        return step

    def _noop(self, _argument: bytes) -> bytes:
        return replies.OK

    def _help(self, _argument: bytes) -> bytes:
        return replies.HELP

    def _vrfy(self, argument: bytes) -> bytes:
        return replies.CANNOT_VERIFY if argument else replies.NO_ADDRESS

    def _quit(self, argument: bytes) -> bytes:
        return replies.NO_ARGUMENTS if argument else replies.BYE

    def _not_here(self, _argument: bytes) -> bytes:
        return replies.NOT_IMPLEMENTED

    def _http(self, _argument: bytes) -> bytes:
        # A web page can make a browser post to a port of this machine, with a mail for its text.
        return replies.NOT_HTTP

    def _unknown(self, _argument: bytes) -> bytes:
        return replies.UNKNOWN_COMMAND


_COMMANDS: dict[bytes, Callable[[Session, bytes], bytes]] = {
    b"EHLO": Session._ehlo,
    b"HELO": Session._helo,
    b"MAIL": Session._mail,
    b"RCPT": Session._rcpt,
    b"DATA": Session._data,
    b"RSET": Session._rset,
    b"QUIT": Session._quit,
    b"NOOP": Session._noop,
    b"HELP": Session._help,
    b"VRFY": Session._vrfy,
    b"EXPN": Session._not_here,
    b"STARTTLS": Session._starttls,
    b"AUTH": Session._auth,
    **dict.fromkeys((b"BDAT", b"ETRN", b"TURN", b"ATRN", b"SEND", b"SOML", b"SAML"), Session._not_here),
    **dict.fromkeys((b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"), Session._http),
}
