"""What an Exchange server says in SOAP, and that any other body is survived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.ewses import fault, said, soap
from transports.ews_soap import Said, read

BACK_OFF = (
    '<t:MessageXml><t:Value Name="Policy">MaxConcurrency</t:Value>'
    '<t:Value Name="BackOffMilliseconds">%s</t:Value></t:MessageXml>'
)


def test_a_success() -> None:
    found = read(said("CreateItem", inside="<m:Items/>"))
    assert found is not None
    assert (found.name, found.said, found.version) == (
        "CreateItemResponse",
        (Said("Success", "NoError"),),
        "15.20.9.1",
    )
    assert (found.ids, found.people, found.names, found.back_off) == ((), (), (), None)


def test_an_error_of_one_item() -> None:
    found = read(said("CreateItem", "ErrorSendAsDenied"))
    assert found is not None
    assert found.said == (Said("Error", "ErrorSendAsDenied", "In its own words."),)


def test_a_fault_with_its_back_off() -> None:
    found = read(fault("ErrorServerBusy", BACK_OFF % "2500"))
    assert found is not None
    assert (found.name, found.back_off) == ("Fault", 2.5)
    assert found.said == (Said("Fault", "ErrorServerBusy", "In its own words."),)


def test_a_fault_of_soap_itself() -> None:
    found = read(
        soap("<s:Fault><faultcode>s:MustUnderstand</faultcode><faultstring>x</faultstring></s:Fault>")
    )
    assert found is not None
    assert found.said == (Said("Fault", "MustUnderstand", "x"),)


@pytest.mark.parametrize(("text", "seconds"), [("-1", None), ("x", None), ("", None), ("9" * 29, 86_400.0)])
def test_a_back_off_that_makes_no_sense(text: str, seconds: float | None) -> None:
    found = read(fault("ErrorServerBusy", BACK_OFF % text))
    assert found is not None
    assert found.back_off == seconds


def test_the_items_and_their_recipients() -> None:
    box = "<t:Mailbox><t:EmailAddress>%s</t:EmailAddress></t:Mailbox>"
    message = (
        '<t:Message><t:ItemId Id="A=" ChangeKey="B"/><t:ToRecipients>'
        + box % " A@example.org"
        + "</t:ToRecipients><t:BccRecipients>"
        + box % "b@example.org"
        + "</t:BccRecipients><t:Sender>"
        + box % "desk@practice.test"
        + "</t:Sender></t:Message>"
    )
    found = read(said("GetItem", inside=f"<m:Items>{message}<t:Message/></m:Items>"))
    assert found is not None
    assert found.ids == ("A=",)
    assert found.people == (frozenset({"a@example.org", "b@example.org"}), frozenset())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Outlook</body></html>",
        b"<!DOCTYPE html><html></html>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
        b"\xff\xfe<\x00",
        soap("").replace(b"Body", b"Bodies"),
        soap(""),
        soap("<m:X>").replace(b"</s:Body>", b""),
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + soap("<m:X/>")[38:],
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + soap("<m:X/>")[38:],
    ],
)
def test_what_is_no_soap(body: bytes) -> None:
    assert read(body) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(body: bytes) -> None:
    read(body)
    read(b"<" + body + b">")


@given(st.text(st.characters(exclude_characters="<&>", exclude_categories=("Cs", "Cc")), max_size=200))
def test_words_of_any_kind_are_made_harmless(words: str) -> None:
    found = read(fault("ErrorServerBusy").replace(b"In its own words.", words.encode()))
    if found is not None:
        assert all(one.text.isprintable() for one in found.said)
