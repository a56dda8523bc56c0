"""Makes MIME of a message that the practice Graph was given as JSON, as the real service does on sending."""

from __future__ import annotations

import base64
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import format_datetime

from outmail.demo.graph.letter import Letter
from outmail.demo.graph.refusals import Refused
from outmail.demo.graph.shapes import EmailAddress, ItemBody, Message, Recipient
from outmail.demo.names import DOMAIN

MOST_HEADERS = 5
_LINE = 57  # bytes that make a line of 76 letters (RFC 2045, section 6.8)
_AT_ONCE = 4096 * _LINE
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.I)
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; `content_id` is how HTML names it ("cid:…")."""

    id: str
    name: str
    kind: str
    content: bytes = field(repr=False)
    inline: bool = False
    content_id: str = ""


def check(message: Message) -> None:
    """The rules for headers of one's own. Raises Refused (400)."""
    headers = message.internet_message_headers
    if headers is None:
        return
    if not 1 <= len(headers) <= MOST_HEADERS:
        raise Refused(
            400,
            "InvalidInternetMessageHeaderCollection",
            f"The internet message headers must be one to {MOST_HEADERS}.",
        )
    for header in headers:
        if not re.fullmatch(r"[xX]-[!-9;-~]+", header.name):
            words = f"The internet message header name '{header.name[:60]}' should start with 'x-' or 'X-'."
            raise Refused(400, "InvalidInternetMessageHeader", words)


def new_message_id() -> str:
    """For a mail that has none."""
    return f"<{uuid.uuid4().hex}@{DOMAIN}>"


def mime(message: Message, files: tuple[File, ...], sender: str) -> bytes:
    """The message with CRLF line ends, from `sender` unless it says another. Raises Refused (400).

    It blocks for a second where there are a hundred megabytes of files.
    """
    built = EmailMessage(policy.SMTPUTF8 if _needs_utf8(message) else policy.SMTP)
    built["Date"] = format_datetime(datetime.now(UTC))
    built["Message-ID"] = _plain(message.internet_message_id or new_message_id())
    built["From"] = _address(message.from_ or Recipient(email_address=EmailAddress(address=sender)))
    for name, people in (
        ("To", message.to_recipients),
        ("Cc", message.cc_recipients),
        ("Bcc", message.bcc_recipients),
        ("Reply-To", message.reply_to),
    ):
        if people:
            built[name] = [_address(person) for person in people]
    built["Subject"] = _plain(message.subject or "")
    if message.importance in {"low", "high"}:
        built["Importance"] = message.importance
    if message.is_read_receipt_requested:
        built["Disposition-Notification-To"] = str(built["From"])
    for header in message.internet_message_headers or ():
        built[header.name] = _plain(header.value or "")
    body = message.body or ItemBody()
    built.set_content(body.content or "", subtype="html" if body.content_type == "html" else "plain")
    return _with_files(built, files) if files else built.as_bytes()


def taken_apart(content: bytes, letter: Letter) -> tuple[Message, list[File]]:
    """A message that was given as MIME, in the service's own shape: what has no place there is lost."""
    parsed = BytesParser(policy=policy.default).parsebytes(content)
    message = of_letter(letter)
    files: list[File] = []
    if not isinstance(parsed, EmailMessage):
        return message, files
    text = parsed.get_body(("html", "plain"))
    if text is not None:
        html = text.get_content_subtype() == "html"
        message.body = ItemBody(content_type="html" if html else "text", content=_text(text))
    own = [
        {"name": name, "value": str(value)} for name, value in parsed.items() if name.lower().startswith("x-")
    ]
    if own:
        message.internet_message_headers = Message.model_validate(
            {"internetMessageHeaders": own[:MOST_HEADERS]}
        ).internet_message_headers
    for part in parsed.iter_attachments():
        payload = part.get_payload(decode=True)
        files.append(
            File(
                uuid.uuid4().hex,
                part.get_filename() or "attachment",
                part.get_content_type(),
                payload if isinstance(payload, bytes) else part.as_bytes(),
                part.get_content_disposition() == "inline",
                str(part.get("Content-ID", "")).strip("<> "),
            )
        )
    return message, files


def of_letter(letter: Letter) -> Message:
    """What the head of a message says, in the service's shape."""
    people = {
        "to_recipients": letter.to,
        "cc_recipients": letter.cc,
        "bcc_recipients": letter.bcc,
        "reply_to": letter.reply_to,
    }
    found = Message(subject=letter.subject, internet_message_id=letter.message_id or new_message_id())
    shown = {name: [_recipient(*who) for who in whom] for name, whom in people.items()}
    found = found.model_copy(update=shown)
    if letter.sender[1]:
        found.from_ = found.sender = _recipient(*letter.sender)
    return found


def _recipient(name: str, address: str) -> Recipient:
    return Recipient(email_address=EmailAddress(name=name or address, address=address))


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    words = payload if isinstance(payload, bytes) else b""
    try:
        return words.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return words.decode("latin-1")


def _address(person: Recipient) -> Address:
    address = (person.email_address.address or "").strip()
    try:
        return Address(_plain(person.email_address.name or ""), addr_spec=address)
    except (ValueError, IndexError, LookupError):
        pass
    raise Refused(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")


def _needs_utf8(message: Message) -> bool:
    people = [*message.recipients, *(message.reply_to or ()), *([message.from_] if message.from_ else [])]
    return not all((person.email_address.address or "").isascii() for person in people)


def _plain(text: str) -> str:
    """In one line: a line end would begin a header of its own."""
    return _BREAKS.sub(" ", text).strip()


def _with_files(built: EmailMessage, files: tuple[File, ...]) -> bytes:
    """By hand: the standard library holds a file of 150 MB five times at once."""
    built.make_mixed()
    boundary = f"----=_practice_{uuid.uuid4().hex}"
    built.set_boundary(boundary)
    whole = bytearray(built.as_bytes())
    end = f"--{boundary}--".encode()
    del whole[whole.rindex(end) :]
    for file in files:
        whole += f"--{boundary}\r\n".encode() + _head_of(file) + b"\r\n"
        for at in range(0, len(file.content), _AT_ONCE):
            whole += base64.encodebytes(file.content[at : at + _AT_ONCE]).replace(b"\n", b"\r\n")
    whole += end + b"\r\n"
    return bytes(whole)


def _head_of(file: File) -> bytes:
    head = EmailMessage(policy.SMTP)
    kind = file.kind if _MEDIA_TYPE.fullmatch(file.kind) else "application/octet-stream"
    head["Content-Type"] = kind
    head.set_param("name", _plain(file.name))
    head["Content-Transfer-Encoding"] = "base64"
    head.add_header(
        "Content-Disposition", "inline" if file.inline else "attachment", filename=_plain(file.name)
    )
    if file.content_id:
        head["Content-ID"] = f"<{_plain(file.content_id)}>"
    return head.as_bytes().rstrip(b"\r\n") + b"\r\n"
