"""The JSON that Graph gets for a large mail, checked against Microsoft's own description of it."""

from __future__ import annotations

import base64
import json
import mmap
import tracemalloc
from pathlib import Path
from typing import cast

import pytest
from openapi_schema_validator import OAS30Validator

from tests.transports.corpus import messages
from transports.graph_draft import LARGEST_PLAIN, PIECE, Draft, draft
from transports.graph_plan import LARGEST_MIME, LARGEST_REQUEST, InParts, plan
from transports.mime_structure import Unfit

_DATA = Path(__file__).parents[1] / "data" / "graph"
_BOB = ("bob@example.test",)
_DAMAGED = {"S/MIME signed", "calendar", "Auto-Submitted", "list headers", "threaded"}


def valid(cloud: str, schema: str, value: object) -> None:
    described = json.loads((_DATA / f"graph-mail-v1.0-{cloud}.openapi.json").read_text())
    OAS30Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": described["components"]}
    ).validate(value)


def drafted(content: bytes, recipients: tuple[str, ...] = _BOB, *, headers: bool = True) -> Draft:
    found = plan(content, LARGEST_MIME + 1, uploads=True)
    assert isinstance(found, InParts)
    return draft(found, recipients, headers=headers)


@pytest.mark.parametrize("name", [name for name in messages.NAMES if name not in _DAMAGED])
@pytest.mark.parametrize("cloud", ["Prod", "Fairfax", "Mooncake"])
def test_the_corpus_as_graph_describes_a_draft(name: str, cloud: str) -> None:
    made = drafted(messages.named(name, "t"), headers=cloud != "Mooncake")
    valid(cloud, "message", made.message)
    assert [to["emailAddress"]["address"] for to in made.message["bccRecipients"]] == ["bob@example.test"]
    assert made.message["toRecipients"] == made.message["ccRecipients"] == []
    assert made.message["from"] == {"emailAddress": {"address": "alice@example.test", "name": "Alice"}}
    assert made.message["internetMessageId"] == "<t@example.test>"
    for attachment in made.attachments:
        valid(cloud, "fileAttachment", attachment.file())
        if cloud == "Prod":
            valid(cloud, "attachmentItem", attachment.item())
        assert attachment.size == len(b"".join(attachment.pieces(7)))


def test_everyone_of_the_envelope_and_nobody_else() -> None:
    content = (
        b'To: "Last, First" <A@x.test>, eve@x.test, T: b@x.test;, a@x.test\r\n'
        b'Cc: c@x.test, B@x.test, "broken\r\n'
        b"Cc: =?utf-8?q?J=C3=BC?= <c@x.test>\r\nBcc: mallory@x.test\r\n\r\nhi"
    )
    message = drafted(content, ("a@x.test", "b@x.test", "c@x.test", "d@x.test", "D@x.test")).message
    assert message["toRecipients"] == [
        {"emailAddress": {"address": "A@x.test", "name": "Last, First"}},
        {"emailAddress": {"address": "b@x.test"}},
    ]
    assert message["ccRecipients"] == [{"emailAddress": {"address": "c@x.test", "name": "Jü"}}]
    assert message["bccRecipients"] == [{"emailAddress": {"address": "d@x.test"}}]


def test_those_who_do_not_get_it_are_not_named_and_the_receipt_says_so() -> None:
    for kept in (b"To: Bob@example.test", b"Cc: undisclosed-recipients:;", b"To: "):
        assert drafted(kept + b"\r\n\r\n").lost == ()
    for lost in (b"Cc: eve@x.test", b"To: Eve:;", b"To: <<", b"To: Last, First <bob@example.test>"):
        assert drafted(lost + b"\r\n\r\n").lost == ("the names of those in To and Cc who do not get it",)


def test_a_recipient_that_is_no_address() -> None:
    with pytest.raises(Unfit) as caught:
        drafted(b"\r\n", ("root",))
    assert caught.value.enhanced == "5.1.3"


def test_fields_that_a_draft_has_of_its_own() -> None:
    content = (
        b"From: a@x.test <a@x.test>\r\nReply-To: R <r@x.test>, s@x.test\r\n"
        b"Subject: =?utf-8?q?gr=C3=BCn=0A?=\r\n und mehr\r\nX-Priority: 1 (Highest)\r\n"
        b"Disposition-Notification-To: a@x.test\r\nReturn-Receipt-To: a@x.test\r\nMessage-ID: none\r\n"
        b"X-Ours: =?utf-8?q?=C3=BC?=\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>\xfc"
    )
    made = drafted(content)
    assert made.message == {
        "subject": "grün  und mehr",
        "body": {"contentType": "html", "content": "<p>ü"},
        "toRecipients": [],
        "ccRecipients": [],
        "bccRecipients": [{"emailAddress": {"address": "bob@example.test"}}],
        "from": {"emailAddress": {"address": "a@x.test", "name": "a@x.test"}},
        "replyTo": [
            {"emailAddress": {"address": "r@x.test", "name": "R"}},
            {"emailAddress": {"address": "s@x.test"}},
        ],
        "importance": "high",
        "isReadReceiptRequested": True,
        "isDeliveryReceiptRequested": True,
        "internetMessageHeaders": [{"name": "X-Ours", "value": "ü"}],
    }
    assert made.lost == ()
    without = drafted(content, headers=False)
    assert "internetMessageHeaders" not in without.message
    assert without.lost == ("X-Ours",)


@pytest.mark.parametrize(
    ("head", "raw", "text"),
    [
        (b"", b"gr\xfcn", "grün"),
        (b"", "grün".encode(), "grün"),
        (b"Content-Type: text/plain; charset=utf-8\r\n", b"\xef\xbb\xbfgr\xc3\xbcn", "grün"),
        (b"Content-Type: text/plain; charset=iso-2022-jp\r\n", "世界".encode("iso-2022-jp"), "世界"),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", b"w7w=", "ü"),
        (
            b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n",
            b"//78AA==",
            "ü",
        ),
        (b"Content-Transfer-Encoding: quoted-printable\r\n", b"a=3D=\r\nb", "a=b"),
    ],
)
def test_the_text_of_a_body(head: bytes, raw: bytes, text: str) -> None:
    assert drafted(head + b"\r\n" + raw).message["body"] == {"contentType": "text", "content": text}


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"application/pdf; name=a.pdf", "a.pdf", "application/pdf"),
        (b"application/pdf", "attachment-1.pdf", "application/pdf"),
        (b'application/pdf; name="../../etc/a.pdf"', "a.pdf", "application/pdf"),
        (b'application/pdf; name="C:\\\\x\\\\a?.pdf"', "a_.pdf", "application/pdf"),
        (b"application/pdf; name*=utf-8''%0D%0Aa%E2%80%AEb", "__a b", "application/pdf"),
        (b"application/pdf; name=" + b"n" * 500 + b".pdf", "n" * 196 + ".pdf", "application/pdf"),
        (b"message/rfc822", "attachment-1.eml", "application/octet-stream"),
        (b"message/rfc822; name=Re", "Re.eml", "application/octet-stream"),
        (b'"odd"/type; name=..', "attachment-1", "application/octet-stream"),
    ],
)
def test_names_and_types_of_attachments(head: bytes, name: str, kind: str) -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
        + head
        + b"\r\n\r\nx\r\n--b--"
    )
    (attachment,) = drafted(content).attachments
    assert (attachment.name, attachment.content_type) == (name, kind)


def test_an_attachment_is_given_out_in_either_way() -> None:
    (picture,) = drafted(messages.named("HTML with a picture", "t")).attachments
    assert picture.plain
    assert picture.item() == {
        "attachmentType": "file", "name": "p.gif", "size": 14, "contentType": "image/gif", "isInline": True,
        "contentId": "p@x",
    }  # fmt: skip
    assert base64.b64decode(picture.file()["contentBytes"]) == b"".join(picture.pieces())
    assert list(picture.pieces(10, 4)) == [b"".join(picture.pieces())[4:]]


def test_what_goes_with_one_request_fits_it() -> None:
    assert PIECE % (320 * 1024) == 0
    assert PIECE < LARGEST_REQUEST
    raw = base64.encodebytes(bytes(LARGEST_PLAIN))
    head = (
        b"Content-Type: application/x; name=" + b"n" * 300 + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    (attachment,) = drafted(head + raw).attachments
    assert attachment.plain
    assert len(json.dumps(attachment.file())) < LARGEST_REQUEST


def test_too_many_recipients_for_one_request() -> None:
    everyone = tuple(f"recipient-{number}@a-long-domain.example.test" for number in range(60_000))
    with pytest.raises(Unfit) as caught:
        drafted(b"\r\n", everyone)
    assert caught.value.enhanced == "5.3.4"


def test_a_large_mail_takes_little_memory(tmp_path: Path) -> None:
    """Forty MB in a file: planned, drafted and read piece by piece."""
    file = tmp_path / "mail"
    line = base64.b64encode(bytes(range(57))) + b"\r\n"
    lines = 40 * 1024 * 1024 // len(line)
    with file.open("wb") as out:
        out.write(
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"
            b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        )
        for at in range(0, lines, 1000):
            out.write(line * min(1000, lines - at))
        out.write(b"--b--\r\n")
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tracemalloc.start()
        found = plan(mapped, uploads=True)
        (attachment,) = draft(cast("InParts", found), _BOB).attachments
        sizes = [len(piece) for piece in attachment.pieces()]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert attachment.size == sum(sizes) == lines * 57
    assert not attachment.plain
    assert set(sizes[:-1]) == {PIECE}
    assert peak < 16 * 1024 * 1024
