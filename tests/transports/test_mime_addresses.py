"""Address lists are read strictly: who is named, whether all must read it so, and what nobody can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.mime_addresses import key, one, read


@pytest.mark.parametrize(
    ("value", "named", "clean"),
    [
        (b"", [], True),
        (b" a@x, b@y (B) , ", [("a@x", ""), ("b@y", "B")], True),
        (b'"Last, First" <a@x>', [("a@x", "Last, First")], True),
        (b"=?utf-8?q?J=C3=BC?=\r\n =?utf-8?q?rgen?= <j@x>", [("j@x", "Jürgen")], True),
        ("Jürgen <jü@x>".encode(), [("jü@x", "Jürgen")], True),
        (b'"a\\"b"@x', [('"a\\"b"@x', "")], True),
        (b"a@[192.0.2.1]", [("a@[192.0.2.1]", "")], True),
        (b"Team: a@x, b@y;, c@z", [("a@x", ""), ("b@y", ""), ("c@z", "")], True),
        (b"a (nested (comment)) <a@x>", [("a@x", "a")], True),
        (b"a@x; b@y", [("a@x", ""), ("b@y", "")], False),
        (b"a@x <a@x>", [("a@x", "a@x")], False),
        (b"Dr. A <a@x>", [("a@x", "Dr. A")], False),
        (b"a @ x", [("a@x", "")], False),
        (b"a(c)@x", [("a@x", "c")], False),
        (b"<@r:a@x>", [("a@x", "")], False),
        (b"=?utf-8?q?A,_B?= <a@x>", [("a@x", "A, B")], False),
        (b"Team:; a@x", [("a@x", "")], False),
        (b"Last, First <a@x>", [("a@x", "First")], False),
        (b"a@x b@y", [], False),
        (b"a@@x, b@y", [("b@y", "")], False),
        (b"a@x., b@y", [("b@y", "")], False),
        (b"<a@x> b, c@z", [("c@z", "")], False),
        (b"\xff@x", [], False),
        (b"(nothing)", [], False),
    ],
)
def test_lists(value: bytes, named: list[tuple[str, str]], clean: bool) -> None:
    found = read(value)
    assert found is not None
    assert [(box.address, box.name) for box in found.mailboxes()] == named
    assert found.clean is clean


@pytest.mark.parametrize(
    "value",
    [b'"open', b"(open", b"<a@x", b"a@x>", b"<<a@x>>", b"T: a@x", b"T: U: a@x;;", b": a@x;", b"a\0@x",
     b"a@x)", b"a@x\r\nb@y", b"(" * 30 + b")" * 30, b"a@x\\"],
)  # fmt: skip
def test_what_nobody_can_read(value: bytes) -> None:
    assert read(value) is None


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Bob@X.test", "bob@x.test", True),
        ('"bob"@x.test', "bob@x.test", True),
        ("b@bücher.test", "b@XN--BCHER-KVA.test", True),
        ("b@bu\u0308cher.test", "b@bücher.test", True),
        ("b@x.test.", "b@x.test", True),
        ("b+tag@x.test", "b@x.test", False),
        ('"a\\b"@x', '"ab"@x', True),
        ("b@x.test", "b@y.test", False),
    ],
)
def test_one_mailbox_and_two(left: str, right: str, same: bool) -> None:
    assert (key(left) == key(right)) is same


def test_one_address() -> None:
    for good in ("a@x", '"a b"@x.test', "jü@bücher.test", "a@[IPv6:::1]", "a..b@x.test"):
        assert one(good)
    for bad in (
        "",
        "root",
        "a@x,",
        "<a@x>",
        "A <a@x>",
        "a@x (c)",
        " a@x",
        "a@x\r\n",
        "a@x\t",
        "T:a@x;",
        "a@\ud800",
    ):
        assert not one(bad)


@given(st.binary(max_size=40), st.text(max_size=20))
def test_nothing_raises(value: bytes, text: str) -> None:
    read(value)
    one(text)
    assert key(text).count("@") >= 1
