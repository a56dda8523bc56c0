"""What the sender of a mail hears of its fate: that it was given up, or that it is late (RFC 3464).

Never is there a bounce of a bounce, and none to who asked for none (RFC 3461). Nothing of a server's
answer or of the mail can add a line to the report's own headers.
"""

from __future__ import annotations

import email.utils
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from outmail.version import VERSION
from transports.shown import harmless

LARGEST_RETURNED = 256 * 1024
"""Bytes of a mail that is sent back whole where RET=FULL asks for it; of a larger one the headers are."""

_LONGEST_HEADERS = 32 * 1024
_LINE = 76
_LONGEST_TEXT = 240  # letters; RFC 5322 has 998 octets for a line, and a letter takes up to four


class Kind(StrEnum):
    """What is told; the values are those of RFC 3464's Action field."""

    FAILED = "failed"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient. `notify` and `orcpt` are as RCPT had them, `orcpt` in xtext.

    `why` and `remedy` are sentences for people; `answer` is the server's own, "" where none said anything.
    """

    address: str
    why: str
    remedy: str = ""
    answer: str = ""
    status: str = ""  # RFC 3463, "" where nobody gave one
    server: str = ""
    tried: datetime | None = None
    notify: frozenset[str] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Original:
    """The mail that it is about. `content` is all of it; `ret` and `envid` as MAIL had them."""

    id: str
    sender: str
    accepted: datetime
    content: bytes
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who tells: the relay's host, and the address and name that stand in From."""

    host: str
    address: str
    name: str = "Mail Delivery System"


def told(kind: Kind, sender: str, fates: Iterable[Fate]) -> tuple[Fate, ...]:
    """The recipients of whom the sender is to hear (RFC 3461, section 4.1); none where it is a bounce itself.

    Without a wish a failure is told, and a delay too.
    """
    if not sender:
        return ()
    wish = "FAILURE" if kind is Kind.FAILED else "DELAY"
    return tuple(fate for fate in fates if not fate.notify or wish in fate.notify)


def write(
    kind: Kind,
    original: Original,
    fates: Sequence[Fate],
    reporter: Reporter,
    now: datetime,
    *,
    boundary: str,
    until: datetime | None = None,
) -> bytes:
    """The report as it is sent from <> to the sender: `fates` are those of `told`, at least one.

    `boundary` is a random text of letters and digits. `until` is when a delayed mail is given up.
    Raises ValueError where there is nobody to tell, or nothing.
    """
    if not original.sender or not fates:
        raise ValueError("a bounce needs a sender to go to and a recipient to tell of")
    wide = original.smtputf8 or not all(text.isascii() for text in (original.sender, *_addresses(fates)))
    parts = (
        ("text/plain; charset=utf-8", _words(kind, original, fates, reporter, until).encode()),
        (
            f"message/{'global-' if wide else ''}delivery-status",
            _status(kind, original, fates, reporter, wide=wide, until=until),
        ),
        _returned(original),
    )
    return _headers(kind, original, reporter, now, boundary) + b"".join(
        [*(_part(boundary, *part) for part in parts), f"--{boundary}--\r\n".encode()]
    )


def _headers(kind: Kind, original: Original, reporter: Reporter, now: datetime, boundary: str) -> bytes:
    subject = "Mail was not delivered" if kind is Kind.FAILED else "Mail is late: it is still being tried"
    fields = [
        f"From: {reporter.name} <{_line(reporter.address)}>",
        f"To: <{_line(original.sender)}>",
        f"Subject: {subject}",
        f"Date: {email.utils.format_datetime(now)}",
        f"Message-ID: <{_line(original.id)}.{boundary}@{_line(reporter.host)}>",
        # RFC 3834, section 5: nobody shall answer it by himself.
        "Auto-Submitted: auto-replied",
        f"User-Agent: outmail/{VERSION}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
    ]
    found = _message_id(original.content)
    if found:
        fields.insert(5, f"In-Reply-To: {found}")
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


def _words(
    kind: Kind, original: Original, fates: Sequence[Fate], reporter: Reporter, until: datetime | None
) -> str:
    since = f"{original.accepted:%Y-%m-%d %H:%M} UTC"
    if kind is Kind.FAILED:
        head = f"The mail that {reporter.host} took on {since} was not delivered to:"
    else:
        ends = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        head = f"The mail that {reporter.host} took on {since} is late. It is tried again{ends} for:"
    lines = [*_wrapped(head, ""), ""]
    for fate in fates:
        lines.append(f"  {_line(fate.address)}")
        said = f"{fate.server}: {fate.answer}" if fate.server and fate.answer else fate.answer
        for label, text in (("Why", fate.why), ("Said", said), ("Do this", fate.remedy)):
            if text:
                lines += _wrapped(f"{label}: {_line(text)}", "    ")
        lines.append("")
    if kind is Kind.DELAYED:
        lines.append("You need not send it again.")
    lines += ["", f"The queue called it {_line(original.id)}.", ""]
    return "\r\n".join(lines)


def _status(
    kind: Kind,
    original: Original,
    fates: Sequence[Fate],
    reporter: Reporter,
    *,
    wide: bool,
    until: datetime | None,
) -> bytes:
    """RFC 3464, section 2; with addresses beyond ASCII RFC 6533."""
    fields = [f"Reporting-MTA: dns; {_line(reporter.host)}"]
    if original.envid:
        fields.append(f"Original-Envelope-Id: {_line(_from_xtext(original.envid))}")
    fields.append(f"Arrival-Date: {email.utils.format_datetime(original.accepted)}")
    blocks = [fields]
    for fate in fates:
        kind_of_address = "utf-8" if wide and not fate.address.isascii() else "rfc822"
        status = fate.status or ("5.0.0" if kind is Kind.FAILED else "4.0.0")
        block = []
        if fate.orcpt:
            block.append(f"Original-Recipient: {_line(_from_xtext(fate.orcpt)).replace(';', '; ', 1)}")
        block += [
            f"Final-Recipient: {kind_of_address}; {_line(fate.address)}",
            f"Action: {kind}",
            f"Status: {_line(status)}",
        ]
        host, service, _ = fate.server.partition("/")  # a service's names the mailbox as well
        if host:
            block.append(f"Remote-MTA: dns; {_line(host.rpartition(':')[0] or host)}")
        if fate.answer:
            block.append(f"Diagnostic-Code: {'x-graph' if service else 'smtp'}; {_line(fate.answer)}")
        if fate.tried:
            block.append(f"Last-Attempt-Date: {email.utils.format_datetime(fate.tried)}")
        if until and kind is Kind.DELAYED:
            block.append(f"Will-Retry-Until: {email.utils.format_datetime(until)}")
        blocks.append(block)
    text = "\r\n\r\n".join("\r\n".join(block) for block in blocks) + "\r\n"
    # Without RFC 6533 these fields are ASCII, whatever language a server's answer is in.
    return text.encode() if wide else text.encode("ascii", "replace")


def _returned(original: Original) -> tuple[str, bytes]:
    """The mail itself or, as a rule, its headers alone: a report must not carry a large mail about."""
    if original.ret == "FULL" and len(original.content) <= LARGEST_RETURNED:
        return "message/rfc822" if not original.smtputf8 else "message/global", original.content
    head = original.content.partition(b"\r\n\r\n")[0][:_LONGEST_HEADERS] + b"\r\n"
    return "text/rfc822-headers" if head.isascii() else "message/global-headers", head


def _part(boundary: str, kind: str, content: bytes) -> bytes:
    cte = "7bit" if content.isascii() else "8bit"
    head = f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {cte}\r\n\r\n"
    return head.encode() + content + (b"" if content.endswith(b"\r\n") else b"\r\n")


def _addresses(fates: Iterable[Fate]) -> list[str]:
    return [fate.address for fate in fates]


def _message_id(content: bytes) -> str:
    """The mail's own Message-ID, where it is one of harmless letters."""
    head = content.partition(b"\r\n\r\n")[0][:_LONGEST_HEADERS]
    found = re.search(rb"(?im)^message-id:[ \t]*(<[!-;=?-~]{1,250}>)[ \t]*\r?$", head)
    return found[1].decode("ascii") if found else ""


def _from_xtext(text: str) -> str:
    """RFC 3461, section 4: +XX is a letter; one that is damaged stays as it is."""
    return re.sub(r"\+([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), text)


def _line(text: str) -> str:
    """On one line, without a control character; short enough for a line of mail in any script."""
    return " ".join(harmless(text, _LONGEST_TEXT).split())


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _LINE, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False
    )
