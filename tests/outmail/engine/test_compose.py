"""Mails that outmail writes itself: right for every reader, and no field gets out of its header."""

from __future__ import annotations

import email
from dataclasses import replace
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.engine.compose import Attachment, Composed, Draft, attach, compose
from outmail.engine.errors import EngineError, Refusal
from store.profiles import Profile


def profile(**changes: object) -> Profile:
    """A profile of which only the sender matters here."""
    return Profile.model_validate(
        {
            "protocol": "smtp",
            "from_address": "desk@example.org",
            "sender_name": "Example Help Desk",
            "smtp": {"host": "smtp.example.org"},
            **changes,
        }
    )


def parsed(composed: Composed) -> EmailMessage:
    """The mail as a reader's program sees it."""
    message = email.message_from_bytes(composed.envelope.whole, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_sender_name_from_and_reply_to_are_the_profile_s() -> None:
    composed = compose(profile(reply_to="answers@example.org"), Draft(("a@example.net",), "Hello", "text"))
    message = parsed(composed)
    assert message["From"] == "Example Help Desk <desk@example.org>"
    assert message["Reply-To"] == "answers@example.org"
    assert composed.envelope.sender == "desk@example.org"
    assert message["Message-ID"] == composed.message_id
    assert composed.message_id.endswith("@example.org>")
    assert message["Date"].datetime is not None


def test_bcc_gets_the_mail_and_stands_in_no_header() -> None:
    draft = Draft(("to@example.net",), "s", "t", cc=("cc@example.net",), bcc=("hidden@example.net",))
    composed = compose(profile(), draft)
    assert composed.envelope.recipients == ("to@example.net", "cc@example.net", "hidden@example.net")
    assert b"hidden" not in composed.envelope.whole


def test_a_recipient_named_twice_gets_the_mail_once() -> None:
    draft = Draft(("a@example.net", "A <a@example.net>"), "s", "t", cc=("a@example.net",))
    assert compose(profile(), draft).envelope.recipients == ("a@example.net",)


def test_text_and_html_are_alternatives_and_both_have_a_body() -> None:
    message = parsed(compose(profile(), Draft(("a@example.net",), "s", "plain ü", "<p>rich ü</p>")))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (text.get_content(), html.get_content()) == ("plain ü\r\n", "<p>rich ü</p>\r\n")


@pytest.mark.parametrize(
    "name", ["report.pdf", "Übersicht März.pdf", "отчёт.txt", "日本語.eml", 'q"uote.tar.gz']
)
def test_attachments_keep_their_name_and_bytes(name: str) -> None:
    content = bytes(range(256)) * 5
    draft = Draft(("a@example.net",), "s", "t", attachments=(Attachment(name, content),))
    (found,) = parsed(compose(profile(), draft)).iter_attachments()
    assert found.get_filename() == name
    assert found.get_payload(decode=True) == content


def test_a_comma_inside_a_quoted_name_does_not_split_the_address() -> None:
    composed = compose(profile(), Draft(('"Last, First" <a@example.net>',), "s", "t"))
    assert composed.envelope.recipients == ("a@example.net",)
    assert parsed(composed)["To"].addresses[0].display_name == "Last, First"


@pytest.mark.parametrize(
    "poison", ["x\r\nBcc: evil@example.net", "x\ny", "x\ry", "x\0y", "x\u2028y", "x\x1b[2J"]
)
@pytest.mark.parametrize("where", ["to", "cc", "bcc", "subject", "attachment"])
def test_no_field_gets_out_of_its_header(where: str, poison: str) -> None:
    fine = Draft(("a@example.net",), "s", "t")
    drafts = {
        "to": Draft((f"{poison} <a@example.net>",), "s", "t"),
        "cc": Draft(fine.to, "s", "t", cc=(f"a@example.net{poison}",)),
        "bcc": Draft(fine.to, "s", "t", bcc=(poison,)),
        "subject": Draft(fine.to, poison, "t"),
        "attachment": Draft(fine.to, "s", "t", attachments=(Attachment(poison, b""),)),
    }
    with pytest.raises(EngineError) as caught:
        compose(profile(), drafts[where])
    assert caught.value.kind is Refusal.INPUT
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "nonsense", ["", "a", "a@", "@b.org", "a b@c.org", "a@b.org, c@d.org", "a@b..org", "<>"]
)
def test_what_is_no_address_is_refused_by_name(nonsense: str) -> None:
    with pytest.raises(EngineError, match=r"^To: ") as caught:
        compose(profile(), Draft((nonsense,), "s", "t"))
    assert "::" not in str(caught.value)


def test_nobody_to_send_to() -> None:
    with pytest.raises(EngineError, match="no recipient"):
        compose(profile(), Draft((), "s", "t"))


def test_international_addresses_keep_their_letters_and_domains_become_ascii() -> None:
    composed = compose(profile(), Draft(("jürgen@exämple.net",), "s", "t"))
    assert composed.envelope.recipients == ("jürgen@exämple.net",)
    assert "jürgen@exämple.net".encode() in composed.envelope.whole
    composed = compose(profile(), Draft(("ops@exämple.net",), "s", "t"))
    assert composed.envelope.recipients == ("ops@xn--exmple-cua.net",)
    assert composed.envelope.whole.isascii()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        attach(tmp_path / "absent.pdf")
    assert caught.value.kind is Refusal.FILE


def test_a_device_that_never_ends_is_no_attachment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outmail.engine.compose._MOST_ATTACHED", 1024 * 1024)
    with pytest.raises(EngineError, match="it has more than 1 MB") as caught:
        attach(Path("/dev/zero"))
    assert caught.value.kind is Refusal.INPUT


def words(header: str) -> str:
    """A header decoded, runs of white space as one space: folding may change no more than these."""
    return " ".join(str(make_header(decode_header(header))).split())


_LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)


@given(subject=_LINE, text=st.text(st.characters(exclude_categories=["Cs"])), name=_LINE)
def test_any_text_arrives_as_it_was_written_and_fits_every_server(subject: str, text: str, name: str) -> None:
    composed = compose(profile(sender_name=name or None), Draft(("a@example.net",), subject, text))
    content = composed.envelope.whole
    lines = content.split(b"\r\n")
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines)
    assert b"\0" not in content
    message = parsed(composed)
    # Decoded by email.header, the older reader: the newer one of Python 3.11 puts spaces between
    # encoded words of a name (RFC 2047, section 6.2 says to drop them).
    raw = email.message_from_bytes(content)
    assert words(raw["Subject"]) == " ".join(subject.split())
    shown, addr_spec = parseaddr(raw["From"])
    assert addr_spec == "desk@example.org"
    assert words(shown) == " ".join(name.split())
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == wanted.rstrip("\n")


@pytest.mark.parametrize("word", ["=?utf-8?q?=0D=0ABcc:_evil@example.org?=", "=?utf-8?b?DQoNCmJvZHk=?="])
@pytest.mark.parametrize("where", ["subject", "sender_name", "reader", "attachment", "header"])
def test_an_encoded_word_brings_no_line_break_either(where: str, word: str) -> None:
    # The library decodes it and writes the line break out: a header of the attacker's choice.
    draft = Draft(("b@example.org",), "Hello", "Text")
    who = profile()
    match where:
        case "subject":
            draft = replace(draft, subject=word)
        case "sender_name":
            who = profile(sender_name=word)
        case "reader":
            draft = replace(draft, to=(f'"{word}" <b@example.org>',))
        case "attachment":
            draft = replace(draft, attachments=(Attachment(f"{word}.txt", b""),))
        case _:
            draft = replace(draft, headers={"X-Note": word})
    with pytest.raises(EngineError, match="line breaks"):
        compose(who, draft)


def test_a_subject_that_comes_encoded_is_still_read() -> None:
    mail = compose(profile(), Draft(("b@example.org",), "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Text"))
    assert parsed(mail)["Subject"] == "Grüße"


def test_the_profile_s_own_addresses_may_have_other_letters() -> None:
    update = {"from_address": "jürgen@example.org", "reply_to": "zoë@example.org"}
    found = parsed(compose(profile(**update), Draft(("b@example.org",), "Hello", "Text")))
    assert "jürgen@example.org" in found["From"]
    assert found["Reply-To"] == "zoë@example.org"


@pytest.mark.parametrize(
    "draft",
    [
        Draft(("b@example.org",), "a\udcff", "Text"),
        Draft(("b@example.org",), "Hello", "a\udcff"),
        Draft(("b@example.org",), "Hello", None, "a\udcff"),
        Draft(("b@example.org",), "Hello", "Text", attachments=(Attachment("a\udcff.txt", b""),)),
        Draft(("a\udcff <b@example.org>",), "Hello", "Text"),
        Draft(("x" * 1500 + " <b@example.org>",), "Hello", "Text"),
        Draft(("b@example.org",), "Hello", "Text", headers={"X-A: b\r\nX-C": "d"}),
    ],
)
def test_what_no_mail_can_hold_is_refused_in_words(draft: Draft) -> None:
    with pytest.raises(EngineError):
        compose(profile(), draft)


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x1e"])
def test_no_line_is_too_long_whatever_ends_it(end: str) -> None:
    mail = compose(profile(), Draft(("b@example.org",), "Hello", ("y" * 900 + end) * 4))
    assert max(map(len, mail.envelope.whole.split(b"\r\n"))) <= 998
