"""MAIL FROM and RCPT TO with their parameters, and whether a message may go to this server at all.

Nothing that reaches a command may end it: CR, LF, NUL and stray angle brackets are refused here,
before the first byte is sent. A message's bytes are looked at and never changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transports.addresses import safe_address
from transports.base import Cause, Dsn, Envelope, Failure, Scope, StepName, TransportError, Verdict
from transports.smtp_capabilities import Capabilities

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
_NOT_XTEXT = re.compile(r"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]")
_RET = frozenset({"FULL", "HDRS"})
_NOTIFY = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})


def _cannot(step: StepName, scope: Scope, cause: Cause, words: str, **facts: str) -> TransportError:
    return TransportError(Failure(step, scope, Verdict.REJECT, cause, words=words, facts=facts))


def xtext(text: str) -> str:
    """RFC 3461, section 4: everything but printable ASCII, and "+" and "=", as +XX."""
    return _NOT_XTEXT.sub(
        lambda found: "".join(f"+{b:02X}" for b in found[0].encode("utf-8", "replace")), text
    )


@dataclass(frozen=True, slots=True)
class Transaction:
    """The commands of one message for one server: made and checked before anything is sent."""

    mail: str
    recipients: tuple[tuple[str, str], ...]  # the address as given, and its RCPT line
    content: bytes  # dot-stuffed, without the end mark
    end: bytes  # what ends it


def mail_line(sender: str, offered: Capabilities, others: tuple[str, ...] = ()) -> str:
    """MAIL FROM for a sender; SMTPUTF8 (RFC 6531) where it or one of the `others` needs it."""
    address = safe_address(sender, StepName.SENDER, Scope.SENDER)
    if not all(a.isascii() for a in (address, *others)):
        _require_utf8(offered, "an address has other than ASCII letters")
        return f"MAIL FROM:<{address}> SMTPUTF8"
    return f"MAIL FROM:<{address}>"


def rcpt_line(recipient: str) -> str:
    """RCPT TO for a recipient."""
    address = safe_address(recipient, StepName.PERMISSION, Scope.RECIPIENT)
    if not address:
        raise _cannot(StepName.PERMISSION, Scope.RECIPIENT, Cause.UNSAFE_TEXT, "a recipient is empty")
    return f"RCPT TO:<{address}>"


def _require_utf8(offered: Capabilities, why: str) -> None:
    if "SMTPUTF8" not in offered:
        raise _cannot(
            StepName.SENDER,
            Scope.MESSAGE,
            Cause.SMTPUTF8_NOT_OFFERED,
            f"{why}, and the server does not offer SMTPUTF8",
        )


def prepare(envelope: Envelope, offered: Capabilities) -> Transaction:
    """Everything that can be known before the first command; raises TransportError."""
    if not envelope.recipients:
        raise _cannot(StepName.SEND, Scope.MESSAGE, Cause.UNSAFE_TEXT, "the message has no recipient")
    content = envelope.whole
    _check_content(content, offered)
    lines = tuple((r, rcpt_line(r)) for r in dict.fromkeys(envelope.recipients))
    mail = mail_line(envelope.sender, offered, tuple(line for _, line in lines))
    if not content.partition(b"\r\n\r\n")[0].isascii() and not mail.endswith(" SMTPUTF8"):
        _require_utf8(offered, "a header has other than ASCII letters")
        mail += " SMTPUTF8"
    if "SIZE" in offered:
        mail += f" SIZE={len(content)}"
    if not content.isascii():
        mail += " BODY=8BITMIME"
    if envelope.dsn and "DSN" in offered:
        mail += _mail_dsn(envelope.dsn)
        notify = _rcpt_notify(envelope.dsn)
        lines = tuple((r, line + notify + _original(r)) for r, line in lines)
    stuffed = (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")
    whole = not content or content.endswith(b"\r\n")
    return Transaction(mail, lines, stuffed, b".\r\n" if whole else b"\r\n.\r\n")


def _clean(content: bytes) -> bool:
    """Every CR has its LF and the reverse, and there is no NUL; counted, which is faster than looking."""
    ends = content.count(b"\r\n")
    return ends == content.count(b"\n") == content.count(b"\r") and b"\0" not in content


def _check_content(content: bytes, offered: Capabilities) -> None:
    found = None if _clean(content) else _BARE.search(content)
    if found:
        name = {b"\r": "CR without LF", b"\n": "LF without CR", b"\x00": "NUL"}[found[0]]
        raise _cannot(
            StepName.SEND,
            Scope.MESSAGE,
            Cause.UNSAFE_TEXT,
            f"the message contains {name} (byte {found.start()}), which servers read differently",
        )
    limit = offered.size_limit
    if limit and len(content) > limit:
        raise _cannot(
            StepName.SEND,
            Scope.MESSAGE,
            Cause.MESSAGE_TOO_LARGE,
            f"the message has {len(content)} bytes, the server takes {limit}",
            size=str(len(content)),
            size_limit=str(limit),
        )
    if not content.isascii() and "8BITMIME" not in offered:
        raise _cannot(
            StepName.SEND,
            Scope.MESSAGE,
            Cause.EIGHT_BIT_NOT_OFFERED,
            "the message has 8-bit text, and the server does not offer 8BITMIME",
        )


def _mail_dsn(dsn: Dsn) -> str:
    found = ""
    if dsn.ret:
        if dsn.ret.upper() not in _RET:
            raise _cannot(StepName.SEND, Scope.MESSAGE, Cause.UNSAFE_TEXT, "RET must be FULL or HDRS")
        found += f" RET={dsn.ret.upper()}"
    if dsn.envid:
        found += f" ENVID={xtext(dsn.envid)}"
    return found


def _rcpt_notify(dsn: Dsn) -> str:
    wanted = [n.upper() for n in dsn.notify]
    if not wanted:
        return ""
    if not set(wanted) <= _NOTIFY or ("NEVER" in wanted and len(set(wanted)) > 1):
        words = "NOTIFY must be NEVER, or some of SUCCESS, FAILURE and DELAY"
        raise _cannot(StepName.SEND, Scope.MESSAGE, Cause.UNSAFE_TEXT, words)
    return f" NOTIFY={','.join(dict.fromkeys(wanted))}"


def _original(recipient: str) -> str:
    """ORCPT; left out for international addresses, whose form (RFC 6533) few servers know."""
    return f" ORCPT=rfc822;{xtext(recipient)}" if recipient.isascii() else ""
