"""One connection to a practice mail server: real SMTP (RFC 5321), bent by the server's fault.

It takes any recipient but "nobody", and lets a user send only from addresses of their own.
"""

from __future__ import annotations

import asyncio
import binascii
import collections
import hmac
import logging
import ssl
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session, TLSSetupException

from outmail.demo.mailbox import Mailbox
from outmail.demo.names import DOMAIN
from outmail.demo.port import Conversation
from outmail.demo.smtp_faults import MailFault, Moment, Starttls
from outmail.demo.smtp_tokens import CHALLENGE, LONGEST_LINE, MECHANISMS, REFUSED, Gate, presented

# The library tells of every sign-in as a deprecation of its own, at a level that Python prints on
# stderr when nobody set up logging: over the TUI's screen.
logging.getLogger("mail.log").addHandler(logging.NullHandler())
logging.getLogger("mail.log").propagate = False

log = logging.getLogger(__name__)

SIZE_LIMIT = 16 * 1024 * 1024
"""Bytes of the largest mail a practice server takes."""
IDLE_SECONDS = 120.0
MOST_RECIPIENTS = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """How a practice server behaves: its security, who may sign in, and with which addresses they send.

    With a `gate` people sign in by token alone. Without one and without a username nobody signs in,
    and only recipients of `domain` are taken, as a relay in an office does.
    """

    server: str
    security: str  # starttls | tls | none
    username: str = ""
    password: str = ""
    senders: frozenset[str] = frozenset()
    gate: Gate | None = None
    domain: str = DOMAIN
    slow_seconds: float = 2.0

    @property
    def signs_in(self) -> bool:
        """Whether a mail is taken only from who has signed in."""
        return bool(self.username) or self.gate is not None


class Dialogue(SMTP, Conversation):
    """The server's side of one connection; `ended` is done when the connection is gone."""

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def __init__(self, rules: Rules, fault: MailFault, mailbox: Mailbox, tls: ssl.SSLContext | None) -> None:
        # The library's limits are one table for the whole process, and each EHLO makes them larger.
        self.command_size_limits = collections.defaultdict(lambda: SMTP.command_size_limit)
        loop = asyncio.get_running_loop()
        starttls = rules.security == "starttls"
        # The library reads lines by this limit, which it takes here, and judges mails by it later.
        self.line_length_limit = LONGEST_LINE if rules.gate else SMTP.line_length_limit
        super().__init__(
            _Answers(rules, fault, mailbox),
            data_size_limit=fault.size_limit or SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=f"{rules.server}.{rules.domain}",
            ident="ESMTP outmail practice tenant",
            tls_context=tls if starttls and fault.starttls is not Starttls.ABSENT else None,
            require_starttls=True,
            timeout=IDLE_SECONDS,
            auth_require_tls=starttls,
            auth_exclude_mechanism={"PLAIN", "LOGIN"} if rules.gate else MECHANISMS,
            authenticator=_Authenticator(rules, fault),
            loop=loop,
        )
        self.line_length_limit = SMTP.line_length_limit
        self._rules = rules
        self._fault = fault
        self.ended: asyncio.Future[None] = loop.create_future()

    def transports(self) -> Iterable[asyncio.BaseTransport | None]:
        """See Conversation: TLS, and what is beneath it."""
        return (self.transport, self._original_transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the connection is gone."""
        self.note_end()
        if self.transport is not None:
            super().connection_lost(error)

    async def _handle_client(self) -> None:
        self.serving = asyncio.current_task()
        try:
            refusal = self._fault.answers.get(Moment.CONNECT)
            if refusal is not None:
                await self.push(refusal)
            else:
                await super()._handle_client()
        except ConnectionError:
            pass  # the client hung up: nobody is left to be told
        finally:
            if self.transport is not None:
                self.transport.close()

    async def push(self, status: str | bytes) -> None:
        """Send a line of an answer; late, where the server is slow."""
        line = status if isinstance(status, bytes) else status.encode("utf-8", "surrogateescape")
        # Only the last line of an answer waits, or a long EHLO answer would take ten times as long.
        if self._fault.slow and line[3:4] != b"-":
            await asyncio.sleep(self._rules.slow_seconds)
        if self._fault.starttls is Starttls.INJECTED and line == b"220 Ready to start TLS":
            line += b"\r\n250 2.0.0 Injected in plain text"
        await super().push(line)

    async def check_auth_needed(self, caller_method: str) -> bool:
        """Refuse a mail to a client that has to sign in first (RFC 4954, section 6)."""
        session = self.session
        if not self._rules.signs_in or (session is not None and session.authenticated):
            return False
        await self.push("530 5.7.0 Authentication required")
        return True

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - the library's name
        """AUTH with the mechanism's name in any case: printers send it in lower case."""
        name, space, rest = (arg or "").partition(" ")
        await super().smtp_AUTH(name.upper() + space + rest)

    async def auth_XOAUTH2(self, _server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """Google's and Microsoft's mechanism."""
        return await self._by_token("XOAUTH2", args)

    async def auth_OAUTHBEARER(self, _server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """RFC 7628."""
        return await self._by_token("OAUTHBEARER", args)

    async def _by_token(self, mechanism: str, args: list[str]) -> AuthResult:
        gate, refusal = self._rules.gate, self._fault.answers.get(Moment.AUTH)
        response = await self._initial(args)
        if gate is None or not isinstance(response, bytes):
            return AuthResult(success=False)  # the client gave up, and has been answered
        if refusal is not None:
            return AuthResult(success=False, handled=False, message=refusal)
        opened = gate.lets_in(*presented(mechanism, response))
        if opened:
            return AuthResult(success=True, auth_data=opened)
        if await self.challenge_auth(CHALLENGE) is MISSING:
            return AuthResult(success=False)
        return AuthResult(success=False, handled=False, message=REFUSED)

    async def _initial(self, args: list[str]) -> object:
        """The client's response, on the AUTH line or after it; no bytes where it gave up."""
        if len(args) < 2:
            return await self.challenge_auth("")
        try:
            return b64decode(args[1].encode("ascii", "replace"), validate=True)
        except binascii.Error:
            return b""


class _Authenticator:
    """Knows the one user of a server."""

    def __init__(self, rules: Rules, fault: MailFault) -> None:
        self._rules = rules
        self._refusal = fault.answers.get(Moment.AUTH)

    def __call__(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        if self._refusal is not None:
            return AuthResult(success=False, handled=False, message=self._refusal)
        right = hmac.compare_digest(data.login, self._rules.username.encode()) & hmac.compare_digest(
            data.password, self._rules.password.encode()
        )
        # The user's name is kept, the password is not.
        return AuthResult(success=right, handled=False, auth_data=data.login.decode() if right else None)


class _Answers:
    """What the server says at each command: the library's hooks."""

    def __init__(self, rules: Rules, fault: MailFault, mailbox: Mailbox) -> None:
        self._rules = rules
        self._fault = fault
        self._mailbox = mailbox

    @property
    def _signs_in(self) -> bool:
        return self._rules.signs_in and self._fault.offers_auth

    def _may_send(self, mailbox: str | None, address: str) -> bool:
        gate = self._rules.gate
        return gate.may_send(mailbox or "", address) if gate else address.lower() in self._rules.senders

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, server: Dialogue, session: Session, envelope: Envelope, name: str, lines: list[str]
    ) -> list[str]:
        session.host_name = name
        return [line for line in lines if self._signs_in or not line.startswith("250-AUTH")]

    async def handle_AUTH(  # noqa: N802
        self, server: Dialogue, session: Session, envelope: Envelope, args: list[str]
    ) -> object:
        if not self._signs_in:
            return "503 5.5.1 Authentication is not enabled"
        return MISSING  # the library goes on by itself

    async def handle_MAIL(  # noqa: N802
        self, server: Dialogue, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._fault.answers.get(Moment.MAIL)
        if refusal is not None:
            return refusal
        if self._rules.signs_in and address != "<>" and not self._may_send(session.auth_data, address):
            return f"553 5.7.1 <{address}>: Sender address rejected: not owned by user {session.auth_data}"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: Dialogue, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._fault.answers.get(Moment.RCPT)
        if refusal is not None:
            return refusal
        local, _, domain = address.rpartition("@")
        if local.lower() == "nobody":
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if not self._rules.signs_in and domain.lower() != self._rules.domain:
            return f"554 5.7.1 <{address}>: Relay access denied"
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(  # noqa: N802
        self, server: Dialogue, session: Session, envelope: Envelope
    ) -> str:
        refusal = self._fault.answers.get(Moment.DATA)
        if refusal is not None:
            return refusal
        sender = "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)
        try:
            mail = await self._mailbox.keep(
                self._rules.server,
                session.auth_data or "",
                sender,
                tuple(envelope.rcpt_tos),
                envelope.original_content or b"",
            )
        except OSError as error:
            log.warning("a practice mail could not be written: %s", error.strerror)
            return "452 4.3.1 Insufficient system storage"
        if self._fault.drops_after_data:
            # The mail was taken, and the client never hears of it: the duplicate question.
            server.abort()
            raise ConnectionResetError
        return f"250 2.0.0 Ok: kept as {mail.file.name}"

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, ValueError):
            # The stream's way of saying that a line was longer than its limit.
            return "500 5.5.2 Line too long"
        if isinstance(error, TLSSetupException):
            return ""  # the client did not like our certificate, and is gone
        log.warning("practice server: %s", type(error).__name__)
        return "451 4.3.0 The practice server stumbled"
