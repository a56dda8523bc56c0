"""Whatever bytes a client sends, the practice Exchange reads them or says no, and what it writes is XML."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.demo.ews.envelope import TurnedAway, opened
from outmail.demo.ews.ntlm import Ntlm, WrongNtlm
from outmail.demo.ews.parsing import NotXml, everything, parse
from outmail.demo.ews.schema import KINDS
from outmail.demo.ews.soap import Failed, SoapFault, answer, tag, text
from outmail.demo.names import DESK, PASSWORD
from outmail.demo.web import Connection, Request
from tests.outmail.demo.ews.caller import create_item, envelope, find_item, impersonating, message

XML = {"content-type": "text/xml"}
RIGHT = (
    envelope(create_item(message(b"To: a@b.test\r\n\r\nhi"), copy=True), impersonating(DESK)),
    envelope(find_item("<x@y.test>")),
)


def read(body: bytes) -> None:
    """As the server does; everything but its own refusals is a failure of the test."""
    with contextlib.suppress(TurnedAway, SoapFault):
        opened(Request("POST", "/EWS/Exchange.asmx", headers=XML, body=body))


@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    with contextlib.suppress(NotXml):
        assert list(everything(parse(body)))
    read(body)


@given(st.sampled_from(RIGHT), st.integers(0), st.integers(0, 30), st.binary(max_size=30))
def test_a_request_with_a_piece_of_something_else(body: bytes, at: int, gone: int, piece: bytes) -> None:
    at %= len(body)
    read(body[:at] + piece + body[at + gone :])


@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=6), st.text(max_size=5))
def test_known_elements_in_any_order(names: list[str], words: str) -> None:
    inside = text(words)
    for name in names:
        inside = tag(name, inside) + tag(name, **{key: words for key, _ in KINDS[name].attributes})
    read(envelope(f"<m:CreateItem>{inside}</m:CreateItem>"))


@given(st.text(), st.text())
def test_what_is_written_can_be_read(words: str, more: str) -> None:
    fault = SoapFault("ErrorServerBusy", words, {more: words}).response()
    failed = answer("CreateItem", [Failed("ErrorAccessDenied", words, {"Name": more}).message("CreateItem")])
    for response in (fault, failed):
        found = [str(element.text) for element in ET.fromstring(response.body).iter() if element.text]
        if words and words.isprintable() and words.isascii():
            assert words in found


def test_names_and_places() -> None:
    root = parse(b'<a xmlns="urn:x" b="1" xmlns:y="urn:y" y:c="2">\n <d xmlns=""/></a>')
    (inner,) = root.children
    assert (root.name, root.local, root.namespace, root.attributes) == ("{urn:x}a", "a", "urn:x", {"b": "1"})
    assert (inner.name, inner.local, inner.namespace, inner.line, inner.column) == ("d", "d", "", 2, 2)
    assert parse(RIGHT[0]).words("s:Header", "t:ExchangeImpersonation", "t:ConnectingSID") == ""


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;">]><a>&y;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<a>&x;</a>",
    ],
)
def test_nothing_is_put_in_place_of_a_name(bomb: bytes) -> None:
    with pytest.raises(NotXml):
        parse(bomb)


@given(st.binary(max_size=200), st.sampled_from([b"\x01\x00\x00\x00", b"\x03\x00\x00\x00"]))
def test_any_message_of_ntlm(rest: bytes, kind: bytes) -> None:
    token = b"NTLMSSP\x00" + kind + rest
    with tempfile.TemporaryDirectory() as folder:
        ntlm = Ntlm(Path(folder) / "accounts", {DESK: PASSWORD})
        connection = Connection()
        with contextlib.suppress(WrongNtlm):
            ntlm.challenge(connection, token)
        with pytest.raises(WrongNtlm):
            ntlm.name(connection, token)
