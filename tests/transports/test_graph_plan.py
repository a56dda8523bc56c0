"""Which mail Graph takes as it is, which in parts, and which is refused before it would be damaged."""

from __future__ import annotations

import pytest

from tests.transports.corpus import messages
from transports.graph_plan import (
    LARGEST_IN_PARTS,
    LARGEST_MIME,
    LARGEST_REQUEST,
    ROOM_FOR_HEADERS,
    AsIs,
    InParts,
    largest,
    plan,
)
from transports.mime_structure import Unfit

_LARGE = LARGEST_MIME + 1
_TEXT = b"Content-Type: text/plain\r\n\r\n"


def in_parts(content: bytes) -> InParts:
    """The plan for a mail that counts as a large one."""
    found = plan(content, _LARGE, uploads=True)
    assert isinstance(found, InParts)
    return found


def mixed(*parts: bytes, kind: bytes = b"mixed", header: bytes = b"") -> bytes:
    return (
        header + b"Content-Type: multipart/" + kind + b"; boundary=b-" + kind + b"\r\n\r\n"
        + b"".join(b"--b-" + kind + b"\r\n" + part + b"\r\n" for part in parts)
        + b"--b-" + kind + b"--\r\n"
    )  # fmt: skip


def file(
    kind: bytes = b"application/pdf", more: bytes = b"Content-Disposition: attachment; filename=f"
) -> bytes:
    return b"Content-Type: " + kind + b"\r\n" + more + b"\r\n\r\nfile"


def html(body: bytes = b"<p>") -> bytes:
    return b"Content-Type: text/html\r\n\r\n" + body


def test_what_fits_goes_as_it_is_whatever_it_is() -> None:
    assert -(-LARGEST_MIME // 3) * 4 == LARGEST_REQUEST
    for name in messages.NAMES:
        assert plan(messages.named(name, "t"), uploads=False) == AsIs()
    assert plan(b"x" * LARGEST_MIME, uploads=False) == AsIs()


def test_what_is_too_large_is_refused_by_its_size() -> None:
    for size, uploads in ((_LARGE, False), (LARGEST_IN_PARTS + 1, True)):
        with pytest.raises(Unfit) as caught:
            plan(_TEXT, size, uploads=uploads)
        assert (caught.value.enhanced, caught.value.what) == ("5.3.4", "size")
    assert isinstance(plan(_TEXT, LARGEST_IN_PARTS, uploads=True), InParts)
    assert largest(uploads=False) == LARGEST_MIME - ROOM_FOR_HEADERS
    assert largest(uploads=True) == LARGEST_IN_PARTS - ROOM_FOR_HEADERS


def test_its_own_size_counts_where_none_is_told() -> None:
    content = mixed(_TEXT + b"hi", file() + b"x" * LARGEST_MIME)
    assert isinstance(plan(content, uploads=True), InParts)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("S/MIME signed", "multipart/signed"),
        ("calendar", "text/calendar"),
        ("Auto-Submitted", "Auto-Submitted"),
        ("list headers", "List-Id"),
        ("threaded", "In-Reply-To"),
    ],
)
def test_the_corpus_that_parts_would_damage(name: str, what: str) -> None:
    with pytest.raises(Unfit) as caught:
        in_parts(messages.named(name, "t"))
    assert (caught.value.what, caught.value.enhanced) == (what, "5.6.3")
    assert caught.value.reason.startswith("it is too large for Graph in one piece")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (mixed(_TEXT, file(), kind=b"encrypted"), "multipart/encrypted"),
        (mixed(_TEXT, mixed(_TEXT, file(), kind=b"signed")), "multipart/signed"),
        (mixed(_TEXT, kind=b"report"), "multipart/report"),
        (file(b"application/pkcs7-mime; smime-type=enveloped-data"), "application/pkcs7-mime"),
        (file(b"application/x-pkcs7-mime", b"X: y"), "application/x-pkcs7-mime"),
        (mixed(file(b"application/pkcs7-mime; name=smime.p7m", b"X: y")), "application/pkcs7-mime"),
        (mixed(_TEXT, file(b"text/calendar; method=REQUEST")), "text/calendar"),
        (mixed(_TEXT, file(b"text/calendar", b"Content-Disposition: inline")), "text/calendar"),
        (mixed(_TEXT, file(b"message/partial; id=x; number=1")), "message/partial"),
        (mixed(_TEXT, file(b"message/external-body", b"X: y")), "message/external-body"),
        (_TEXT + b"-----BEGIN PGP SIGNED MESSAGE-----\r\n", "pgp"),
        (b"Content-Type: multipart/mixed\r\n\r\n--x\r\n", "multipart/mixed"),
        (file(more=b"Content-Transfer-Encoding: x-uuencode"), "encoding"),
        (b"Content-Type: text/plain; charset=x-nobody-knows\r\n\r\n", "charset"),
    ],
)
def test_content_that_parts_would_damage(content: bytes, what: str) -> None:
    with pytest.raises(Unfit) as caught:
        in_parts(content)
    assert caught.value.what == what
    assert caught.value.enhanced.startswith("5.6.")


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        (b"Auto-Submitted: auto-generated", False),
        (b"auto-submitted: no", True),
        (b"Precedence: bulk", False),
        (b"Precedence: normal", True),
        (b"List-Unsubscribe: <mailto:x@y>", False),
        (b"References: <x@y>", False),
        (b"DKIM-Signature: v=1", False),
        (b"ARC-Seal: i=1", False),
        (b"Resent-Date: now", False),
        (b"Sensitivity: Private", False),
        (b"Sensitivity: normal", True),
        (b"Disposition-Notification-To: a@b", True),
        (b"Importance: high", True),
        (b"MIME-Version: 1.0", True),
    ],
)
def test_fields_that_programs_act_on(field: bytes, fits: bool) -> None:
    content = field + b"\r\n" + _TEXT
    if fits:
        assert in_parts(content).lost == ()
        return
    with pytest.raises(Unfit) as caught:
        in_parts(content)
    assert caught.value.what == field.partition(b":")[0].decode()


def test_what_is_lost_without_harm_is_named() -> None:
    header = b"".join(
        b"%s: %s\r\n" % (name, name)
        for name in (
            b"Received", b"received", b"Date", b"X-Mailer", b"User-Agent", b"Organization", b"X-1", b"X-2",
            b"X-2", b"X-3", b"X-4", b"X-5", b"X-Auto-Response-Suppress", b"X-MS-Exchange-Organization-SCL",
        )
    )  # fmt: skip
    found = in_parts(header + b"X-Long: " + b"y" * 1000 + b"\r\n" + _TEXT)
    assert [name for name, _ in found.x_headers] == ["X-Auto-Response-Suppress", "X-1", "X-2", "X-3", "X-4"]
    assert found.lost == (
        "Received", "Date", "User-Agent", "Organization", "X-2", "X-MS-Exchange-Organization-SCL", "X-Long",
        "X-5", "X-Mailer",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "body", "attached", "lost"),
    [
        (_TEXT + b"hi", "text/plain", [], ()),
        (html(), "text/html", [], ()),
        (file(), None, ["application/pdf"], ()),
        (file(b"text/plain"), None, ["text/plain"], ()),
        (mixed(_TEXT, file()), "text/plain", ["application/pdf"], ()),
        (mixed(file(), _TEXT), "text/plain", ["application/pdf"], ()),
        (mixed(_TEXT, html(), kind=b"alternative"), "text/html", [], ("the text/plain beside the body",)),
        (
            mixed(
                mixed(_TEXT, mixed(html(), file(), kind=b"related"), kind=b"alternative"), file(b"image/png")
            ),
            "text/html",
            ["application/pdf", "image/png"],
            ("the text/plain beside the body", "the place of a picture without a Content-ID"),
        ),
        (
            mixed(mixed(_TEXT, file(), kind=b"mixed"), html(), kind=b"alternative"),
            "text/html",
            ["application/pdf"],
            ("the text/plain beside the body",),
        ),
        (
            mixed(_TEXT, file(), _TEXT),
            "text/plain",
            ["application/pdf", "text/plain"],
            ("the place of a text behind the first (it is attached)",),
        ),
        (mixed(_TEXT, file(b"message/rfc822", b"X: y")), "text/plain", ["message/rfc822"], ()),
        (mixed(_TEXT, file(b"text/calendar")), "text/plain", ["text/calendar"], ()),
        (mixed(_TEXT, file(b"application/pkcs7-mime")), "text/plain", ["application/pkcs7-mime"], ()),
        (b"Content-Type: text/plain; format=flowed\r\n\r\n", "text/plain", [], ("format=flowed",)),
    ],
)
def test_the_body_the_attachments_and_what_is_lost(
    content: bytes, body: str | None, attached: list[str], lost: tuple[str, ...]
) -> None:
    found = in_parts(content)
    assert (found.body.content_type if found.body else None) == body
    assert found.kind == ("html" if body == "text/html" else "text")
    assert [each.part.content_type for each in found.attached] == attached
    assert found.lost == lost


def test_pictures_of_the_html_are_inline() -> None:
    found = in_parts(messages.named("HTML with a picture", "t"))
    assert [(each.inline, each.part.content_id) for each in found.attached] == [(True, "p@x")]


def test_related_begins_where_it_says() -> None:
    root = b"Content-Type: text/html\r\nContent-ID: <r>\r\n\r\n<p>"
    content = mixed(file(), root, kind=b"related").replace(b"related;", b'related; start="<r>";')
    found = in_parts(content)
    assert found.body is not None
    assert found.body.content_id == "r"


def test_a_text_that_is_too_large_by_itself() -> None:
    with pytest.raises(Unfit) as caught:
        in_parts(_TEXT + b"x" * LARGEST_REQUEST)
    assert (caught.value.what, caught.value.enhanced) == ("text", "5.3.4")
    with pytest.raises(Unfit):
        in_parts(
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "ü".encode() * 1_000_000
        )  # \u00fc in JSON
