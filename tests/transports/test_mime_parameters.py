"""What mailers write behind Content-Type and Content-Disposition, and what they mean by it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.mime_parameters import codec, decoded, parsed, text_of


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        ("Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('attachment; filename="a;b \\"c\\".pdf"', "attachment", {"filename": 'a;b "c".pdf'}),
        ("attachment; filename=my file.pdf", "attachment", {"filename": "my file.pdf"}),
        ('attachment; filename="open', "attachment", {"filename": "open"}),
        ('x/y; boundary="b" charset=z', "x/y", {"boundary": "b", "charset": "z"}),
        ("attachment; filename*=UTF-8''%E4%B8%96.pdf", "attachment", {"filename": "世.pdf"}),
        ("attachment; filename=a.pdf; filename*=utf-8'en'b.pdf", "attachment", {"filename": "b.pdf"}),
        ("x/y; name*0*=iso-8859-1''%FC; name*1=\"b%20\"; name*2*=%2Epdf", "x/y", {"name": "üb%20.pdf"}),
        ("x/y; name*1=b; name*0=a", "x/y", {"name": "ab"}),
        ("x/y; name*0=a; name*2=c", "x/y", {"name": "a"}),
        ('x/y; name="=?utf-8?B?w7w=?= =?utf-8?Q?_b?="', "x/y", {"name": "ü b"}),
        ("x/y; name*=nonsense''%FF", "x/y", {"name": "ÿ"}),
        ("x/y; ; =; a", "x/y", {}),
        ("", "", {}),
    ],
)
def test_parameters(value: str, kind: str, parameters: dict[str, str]) -> None:
    assert parsed(value) == (kind, parameters)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b?= c", "a b c"),
        ("=?utf-8?q?=C3?= \t=?utf-8?q?=BC?=", "ü"),
        ("=?iso-8859-1*de?Q?=FC?= x =?UTF-8?b?w7w?=", "ü x ü"),
        ("=?nobody-knows?q?=FC?=", "ü"),
        ("=?utf-8?x?no?=", "=?utf-8?x?no?="),
        ("=?utf-8?b?@?=", ""),
    ],
)
def test_encoded_words(text: str, expected: str) -> None:
    assert decoded(text) == expected


def test_bytes_beyond_ascii_are_text_somehow() -> None:
    assert text_of("grün\r\n weiter".encode()) == "grün weiter"
    assert text_of(b"gr\xfcn") == "grün"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UTF-8", True),
        ("gb2312", True),
        ("x-none", False),
        ("base64", False),
        ("idna", False),
        ("a\0b", False),
    ],
)
def test_charsets(name: str, known: bool) -> None:
    assert bool(codec(name)) is known


@given(st.text(max_size=60), st.text(st.sampled_from("a*0='\"; %?\\\t"), max_size=40))
def test_nothing_raises(text: str, odd: str) -> None:
    decoded(text)
    decoded(odd)
    parsed(text)
    for value in parsed(f"x/y; {odd}")[1].values():
        value.encode()


def test_a_hostile_field_takes_no_time() -> None:
    began = time.process_time()
    for text in ("a" * 60_000, "a=" * 30_000, ";" * 60_000, '"' * 60_000, " " * 60_000, "=?a?q?" * 10_000):
        parsed(f"x/y; {text}")
        decoded(text)
    assert time.process_time() - began < 5
