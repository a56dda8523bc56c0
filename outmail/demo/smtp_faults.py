"""The faults a practice mail server can be told to have: one table, read by the servers and shown to people.

A fault changes how a server behaves for new connections; it never touches a mail that was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from outmail.demo.faults import WELL, Fault
from outmail.demo.pki import ENDS_SOON_DAYS, Certificate


class Moment(StrEnum):
    """Where in the dialogue a fault gives its own answer."""

    CONNECT = "connect"  # in place of the greeting; the connection is closed after it
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"  # after the final dot


class Starttls(StrEnum):
    """How STARTTLS is offered (RFC 3207)."""

    OFFERED = "offered"
    ABSENT = "absent"
    INJECTED = "injected"  # plain text behind the answer, as an attacker on the wire would put it


NO_ANSWERS: Mapping[Moment, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class MailFault(Fault):
    """One way for a mail server to be broken. `securities` says where it is seen: starttls, tls, none."""

    securities: frozenset[str] = frozenset({"starttls", "tls", "none"})
    by_token: bool | None = None  # seen where people sign in by token, or by password; None: everywhere
    slow: bool = False
    starttls: Starttls = Starttls.OFFERED
    offers_auth: bool = True
    size_limit: int | None = None  # bytes; None is the tenant's own limit
    drops_after_data: bool = False
    answers: Mapping[Moment, str] = field(default_factory=lambda: NO_ANSWERS)


_STARTTLS = frozenset({"starttls"})
_WITH_TLS = frozenset({"starttls", "tls"})
_WITH_SIGN_IN = _WITH_TLS

TINY_SIZE = 300
"""Bytes that a server with the fault too-large takes: less than any mail with headers."""


def _answers(**answers: str) -> Mapping[Moment, str]:
    return MappingProxyType({Moment[name]: text for name, text in answers.items()})


_TEMPORARY = "451 4.3.2 The system is not accepting messages right now, try again later"

_TABLE = (
    MailFault(WELL, "Nothing is wrong: the server takes mail."),
    MailFault("down", "The server is down: the port is closed and connections are refused.", listens=False),
    MailFault("silent", "The server accepts connections and then says nothing at all.", greets=False),
    MailFault("slow", "The server answers, but every answer comes late.", slow=True),
    MailFault(
        "busy",
        "The server has no time: it answers 421 in place of a greeting and hangs up.",
        answers=_answers(CONNECT="421 4.3.2 Too busy, try again later"),
    ),
    MailFault(
        "tempfail",
        "The server refuses each mail for now (451): the same mail may go through later.",
        answers=_answers(MAIL=_TEMPORARY, RCPT=_TEMPORARY),
    ),
    MailFault(
        "greylisted",
        "The server takes the sender but puts each recipient off (450), as greylisting does.",
        answers=_answers(RCPT="450 4.7.1 Greylisted, try again in five minutes"),
    ),
    MailFault(
        "no-starttls",
        "The server no longer offers STARTTLS, so that mail would travel unencrypted.",
        securities=_STARTTLS,
        starttls=Starttls.ABSENT,
    ),
    MailFault(
        "injected-starttls",
        "Somebody on the wire puts plain text behind the server's answer to STARTTLS.",
        securities=_STARTTLS,
        starttls=Starttls.INJECTED,
    ),
    MailFault(
        "expired",
        "The server's certificate ended three days ago.",
        securities=_WITH_TLS,
        certificate=Certificate.EXPIRED,
    ),
    MailFault(
        "self-signed",
        "The server's certificate is signed by itself, not by the practice authority.",
        securities=_WITH_TLS,
        certificate=Certificate.SELF_SIGNED,
    ),
    MailFault(
        "wrong-name",
        "The server's certificate is for another name (mail.elsewhere.test).",
        securities=_WITH_TLS,
        certificate=Certificate.WRONG_NAME,
    ),
    MailFault(
        "ends-soon",
        f"The server's certificate ends in {ENDS_SOON_DAYS} days; mail still flows.",
        securities=_WITH_TLS,
        certificate=Certificate.ENDS_SOON,
    ),
    MailFault(
        "password-refused",
        "The server refuses the right password too (535), as after a password change.",
        securities=_WITH_SIGN_IN,
        by_token=False,
        answers=_answers(AUTH="535 5.7.8 Authentication credentials invalid"),
    ),
    MailFault(
        "token-refused",
        "The server refuses good tokens too (535 5.7.3), as for a mailbox without permission.",
        securities=_WITH_SIGN_IN,
        by_token=True,
        answers=_answers(AUTH="535 5.7.3 Authentication unsuccessful"),
    ),
    MailFault(
        "smtp-auth-disabled",
        "SMTP AUTH is switched off for the whole tenant (535 5.7.139); a new sign-in cures nothing.",
        securities=_WITH_SIGN_IN,
        answers=_answers(
            AUTH="535 5.7.139 Authentication unsuccessful, "
            "SmtpClientAuthentication is disabled for the Tenant."
        ),
    ),
    MailFault(
        "auth-not-offered",
        "The server offers no sign-in, and takes no mail without one.",
        securities=_WITH_SIGN_IN,
        offers_auth=False,
    ),
    MailFault(
        "relay-denied",
        "The server relays to nobody: it refuses each recipient with 554 5.7.1.",
        answers=_answers(RCPT="554 5.7.1 Relay access denied"),
    ),
    MailFault(
        "sender-refused",
        "The server does not let this user send from this address (550 5.7.60).",
        answers=_answers(MAIL="550 5.7.60 Client does not have permissions to send as this sender"),
    ),
    MailFault(
        "mailbox-unknown",
        "The server knows no recipient at all (550 5.1.1).",
        answers=_answers(RCPT="550 5.1.1 User unknown"),
    ),
    MailFault(
        "too-large",
        f"The server takes no mail over {TINY_SIZE} bytes, and says so in its SIZE.",
        size_limit=TINY_SIZE,
    ),
    MailFault(
        "drop-after-data",
        "The connection breaks after the mail was handed over and before the answer: was it taken or not?",
        drops_after_data=True,
    ),
    MailFault(
        "rejected-content",
        "The server refuses the mail for its content (554 5.6.0), after it was handed over.",
        answers=_answers(DATA="554 5.6.0 Message content rejected"),
    ),
)

FAULTS: Mapping[str, MailFault] = MappingProxyType({fault.id: fault for fault in _TABLE})
"""Every fault by its id, in the order in which a person reads them."""


def possible(security: str, *, by_token: bool = False) -> Mapping[str, MailFault]:
    """The faults that can be seen on a server of this security (starttls, tls, none), by id."""
    return MappingProxyType(
        {
            fault.id: fault
            for fault in _TABLE
            if security in fault.securities and fault.by_token in {None, by_token}
        }
    )
