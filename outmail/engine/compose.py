"""Builds the mails that outmail itself writes: the sample mail and `outmail send`. It sends nothing.

It must never let text from a field end a header or a command: line breaks and NUL are refused.
"""

from __future__ import annotations

import email.utils
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

from outmail.engine.errors import EngineError, Refusal
from outmail.version import VERSION
from store.fields import address, one_line
from store.profiles import Profile
from transports.base import Envelope

_LONGEST_LINE = 998  # octets without CRLF, RFC 5321 section 4.5.3.1.6
_LONGEST_WORD = 250  # octets; a name or subject that has no space to fold at must still fit a line
_LINE_END = re.compile(r"\r\n|\r|\n")
_MOST_ATTACHED = 150 * 1024 * 1024  # octets; the largest mail any provider takes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to attach: its name as the reader sees it, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail as its author thinks of it. Addresses are bare, or "Name <address>"."""

    to: tuple[str, ...]
    subject: str
    text: str | None = None
    html: str | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail ready to go, and the Message-ID under which the history keeps it."""

    message_id: str
    envelope: Envelope


def attach(path: Path) -> Attachment:
    """Read a file to attach. Raises EngineError when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:  # a device or a pipe tells no size, so the bytes are counted
            content = file.read(_MOST_ATTACHED + 1)
    except OSError as error:
        raise EngineError(
            Refusal.FILE,
            f"cannot read {path}",
            (error.strerror or str(error)).lower(),
            "check the path and its permissions",
        ) from error
    if len(content) > _MOST_ATTACHED:
        raise EngineError(
            Refusal.INPUT,
            f"cannot attach {path.name}",
            f"it has more than {_MOST_ATTACHED // 1048576} MB, and no provider takes that",
            "put the file where it can be fetched and send the link",
        )
    return Attachment(path.name, content)


def new_message_id(profile: Profile) -> str:
    """A Message-ID of the profile's own domain (RFC 5322, section 3.6.4)."""
    return email.utils.make_msgid(domain=_ascii_domain(profile.from_address))


def compose(
    profile: Profile, draft: Draft, *, message_id: str | None = None, now: datetime | None = None
) -> Composed:
    """The message and its envelope: From, Reply-To and name as the profile says; Bcc in no header.

    Raises EngineError that names the field when one would break out of its header.
    """
    to = _addresses("To", draft.to)
    cc = _addresses("Cc", draft.cc)
    bcc = _addresses("Bcc", draft.bcc)
    everyone = tuple(dict.fromkeys(a.addr_spec for a in (*to, *cc, *bcc)))
    if not everyone:
        raise EngineError(
            Refusal.INPUT,
            "nobody to send to",
            "no recipient is given",
            "give at least one, with --to ADDRESS",
        )
    sender = _named("the sender's name", profile.sender_name or "", profile.from_address)
    international = not all(a.isascii() for a in (profile.from_address, profile.reply_to or "", *everyone))
    message = EmailMessage(policy=policy.SMTPUTF8 if international else policy.SMTP)
    message_id = message_id or new_message_id(profile)
    message["From"] = sender
    if to:
        message["To"] = to
    if cc:
        message["Cc"] = cc
    if profile.reply_to:
        message["Reply-To"] = _named("Reply-To", "", profile.reply_to)
    message["Subject"] = _safe("Subject", draft.subject)
    message["Date"] = email.utils.format_datetime(now or datetime.now().astimezone())
    message["Message-ID"] = message_id
    message["User-Agent"] = f"outmail/{VERSION}"
    for name, value in draft.headers.items():
        message[_header_name(name)] = _safe(name, value)
    _fill(message, draft)
    _look_once_more(message)
    return Composed(message_id, Envelope(profile.from_address, everyone, message.as_bytes()))


def _look_once_more(message: EmailMessage) -> None:
    """Refuse headers that fall into several as they are written.

    The library decodes what "=?…?=" stands for while it folds: a line break in there, which nobody
    sees in the text, would end the header and begin one of somebody else's choice.
    """
    for part in message.walk():
        for name, value in part.items():
            _first, *more = part.policy.fold(name, value).removesuffix("\r\n").split("\r\n")
            if any(not line.startswith((" ", "\t")) or not line.strip() for line in more):
                where = "the name of an attachment" if name == "Content-Disposition" else name
                _safe(where, "\r\n")


def _fill(message: EmailMessage, draft: Draft) -> None:
    if draft.text is not None or draft.html is None:
        text = _unicode("the text", draft.text or "")
        message.set_content(text, cte=_encoding(text))
    if draft.html is not None:
        page = _unicode("the HTML", draft.html)
        if draft.text is None:
            message.set_content(page, subtype="html", cte=_encoding(page))
        else:
            message.add_alternative(page, subtype="html", cte=_encoding(page))
    for attachment in draft.attachments:
        maintype, subtype = _kind(attachment.name)
        message.add_attachment(
            attachment.content,
            maintype=maintype,
            subtype=subtype,
            filename=_safe("the name of an attachment", attachment.name),
        )


def _encoding(text: str) -> str:
    """7bit where the text allows it, else quoted-printable: both pass every server."""
    plain = text.isascii() and "\0" not in text
    # Not splitlines(): a form feed ends no line of a mail.
    fits = plain and all(len(x) <= _LONGEST_LINE for x in _LINE_END.split(text))
    return "7bit" if fits else "quoted-printable"


def _kind(name: str) -> tuple[str, str]:
    guessed, compressed = mimetypes.guess_type(name)
    if guessed is None or compressed or guessed.startswith(("message/", "multipart/")):
        return "application", "octet-stream"  # a mail inside a mail must not be taken apart
    maintype, _, subtype = guessed.partition("/")
    return maintype, subtype


def _addresses(where: str, given: Iterable[str]) -> tuple[Address, ...]:
    return tuple(_address(where, text) for text in given)


def _address(where: str, text: str) -> Address:
    """One address; the parser never splits at a comma inside quotes ("Last, First" <a@b>)."""
    try:
        one_line(text)
        if not text.strip():
            raise ValueError("no address is given")
        names = email.utils.getaddresses([text])
        if len(names) != 1:
            raise ValueError(f"these are {len(names)} addresses, and one is needed here")
        name, spec = names[0]
        return _named(f"{where}: the name", name, address(spec or text))
    except ValueError as error:
        shown = "".join(c if c.isprintable() else "?" for c in text[:80])
        raise EngineError(
            Refusal.INPUT,
            f"{where}: {shown}".removesuffix(": "),
            str(error),
            "write one address, as name@example.org",
        ) from error


def _named(where: str, name: str, mail_address: str) -> Address:
    # Not addr_spec=: Address would refuse the letters beyond ASCII that RFC 6531 allows.
    user, _, domain = mail_address.rpartition("@")
    return Address(display_name=_safe(where, name), username=user, domain=domain)


def _header_name(name: str) -> str:
    """RFC 5322, section 2.2: printable ASCII without a colon."""
    if not re.fullmatch(r"[!-9;-~]+", name):
        raise EngineError(Refusal.INPUT, "a header", "its name is not one", "write it as X-Name")
    return name


def _unicode(where: str, text: str) -> str:
    """Refuse halves of characters, which stand for bytes that were no text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EngineError(
            Refusal.INPUT, where, "it has bytes that are not UTF-8 text", "write it as UTF-8 text"
        ) from error
    return text


def _safe(where: str, text: str) -> str:
    """Text that stays in its header: one line, of whole characters, no word of it too long to fold."""
    _unicode(where, text)
    if text.isascii() and any(len(word) > _LONGEST_WORD for word in text.split()):
        raise EngineError(
            Refusal.INPUT, where, f"a word of it is longer than {_LONGEST_WORD} characters", "shorten it"
        )
    try:
        return one_line(text)
    except ValueError as error:
        raise EngineError(
            Refusal.INPUT, where, str(error), "leave out line breaks and control characters"
        ) from error


def _ascii_domain(mail_address: str) -> str:
    domain = mail_address.rpartition("@")[2]
    return domain if domain.isascii() else domain.encode("idna").decode("ascii")
