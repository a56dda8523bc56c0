"""Reports to senders, as the standard library reads them: who is told, of what, and of nothing else."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.relay.bounces import LARGEST_RETURNED, Fate, Kind, Original, Reporter, told, write

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOST = Reporter("relay.example.org", "helpdesk@example.org")
HEAD = b"Received: by relay\r\nMessage-ID: <1@example.org>\r\nFrom: app@example.org\r\nSubject: Alarm\r\n"
CONTENT = HEAD + b"\r\nText\r\n"
GONE = Fate(
    "nobody@example.net",
    "There is no such mailbox.",
    "Check the address.",
    "550 5.1.1 User unknown",
    "5.1.1",
    "mx.example.net:25",
    NOON,
    orcpt="rfc822;nobody+40example.net",
)
MAIL = Original("7Q2X", "app@example.org", NOON - timedelta(hours=5), CONTENT)


class Report:
    """A report as it is sent, and as it is read."""

    def __init__(
        self,
        kind: Kind = Kind.FAILED,
        original: Original = MAIL,
        fate: Fate = GONE,
        until: datetime | None = None,
    ) -> None:
        self.raw = write(kind, original, [fate], HOST, NOON, boundary="b0undary", until=until)
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", self.raw), "what a strict server would refuse"
        assert max(map(len, self.raw.split(b"\r\n"))) <= 998
        found = email.message_from_bytes(self.raw, policy=policy.SMTPUTF8)
        assert isinstance(found, EmailMessage)
        self.found = found

    def part(self, number: int) -> EmailMessage:
        part = self.found.get_payload(number)
        assert isinstance(part, EmailMessage)
        return part

    @property
    def words(self) -> str:
        return str(self.part(0).get_content())

    @property
    def blocks(self) -> list[Message]:
        """The fields for the mail, then those for each recipient."""
        text = self.raw.split(b"--b0undary\r\n")[2].partition(b"\r\n\r\n")[2]
        return [email.message_from_bytes(b, policy=policy.SMTPUTF8) for b in text.strip().split(b"\r\n\r\n")]


def test_a_failure() -> None:
    report = Report()
    found = report.found
    assert found["To"] == "app@example.org"
    assert found["From"] == "Mail Delivery System <helpdesk@example.org>"
    assert found["Auto-Submitted"] == "auto-replied"
    assert found["In-Reply-To"] == "<1@example.org>"
    assert found.get_content_type() == "multipart/report"
    assert found.get_param("report-type") == "delivery-status"
    for text in ("nobody@example.net", "no such mailbox", "Check the address", "User unknown", "7Q2X"):
        assert text in report.words
    assert report.part(1).get_content_type() == "message/delivery-status"
    whole, one = report.blocks
    assert whole["Reporting-MTA"] == "dns; relay.example.org"
    assert one["Final-Recipient"] == "rfc822; nobody@example.net"
    assert one["Original-Recipient"] == "rfc822; nobody@example.net"
    assert (one["Action"], one["Status"]) == ("failed", "5.1.1")
    assert one["Remote-MTA"] == "dns; mx.example.net"
    assert one["Diagnostic-Code"] == "smtp; 550 5.1.1 User unknown"
    returned = report.part(2)
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "Subject: Alarm" in returned.get_content()
    assert "Text" not in returned.get_content()


def test_a_delay() -> None:
    until = NOON + timedelta(days=4)
    report = Report(Kind.DELAYED, MAIL, Fate("slow@example.net", "It does not answer."), until)
    _, one = report.blocks
    assert (one["Action"], one["Status"]) == ("delayed", "4.0.0")
    assert one["Will-Retry-Until"] == "Wed, 02 Dec 2026 12:00:00 +0000"
    assert "You need not send it again" in report.words
    assert "2026-12-02 12:00" in report.words


@pytest.mark.parametrize(
    ("ret", "size", "kind"),
    [
        ("FULL", 10, "message/rfc822"),
        ("HDRS", 10, "text/rfc822-headers"),
        ("", 10, "text/rfc822-headers"),
        ("FULL", LARGEST_RETURNED, "text/rfc822-headers"),
    ],
)
def test_what_is_sent_back(ret: str, size: int, kind: str) -> None:
    lines = b"x" * 70 + b"\r\n"
    original = Original("id", "app@example.org", NOON, CONTENT + lines * (size // 72 + 1), ret=ret)
    part = Report(Kind.FAILED, original).part(2)
    assert part.get_content_type() == kind
    if kind == "message/rfc822":
        inner = part.get_payload(0)
        assert isinstance(inner, EmailMessage)
        assert inner["Subject"] == "Alarm"


def test_addresses_beyond_ascii() -> None:
    original = Original("id", "grüße@example.org", NOON, "Subject: Grüße\r\n\r\n".encode(), smtputf8=True)
    report = Report(Kind.FAILED, original, Fate("bücher@example.net", "Gone.", answer="550 Unbekannt: ü"))
    assert report.found["To"] == "grüße@example.org"
    assert report.part(1).get_content_type() == "message/global-delivery-status"
    _, one = report.blocks
    assert one["Final-Recipient"] == "utf-8; bücher@example.net"
    assert one["Diagnostic-Code"] == "smtp; 550 Unbekannt: ü"
    assert report.part(2).get_content_type() == "message/global-headers"


def test_an_answer_beyond_ascii_about_plain_addresses() -> None:
    report = Report(Kind.FAILED, MAIL, Fate("a@example.net", "Gone.", answer="550 Unbekannt: ü"))
    assert report.blocks[1]["Diagnostic-Code"] == "smtp; 550 Unbekannt: ?"
    assert "Unbekannt: ü" in report.words


def test_the_envelopes_id_comes_back_in_the_clear() -> None:
    original = Original("id", "app@example.org", NOON, CONTENT, envid="a+2Bb+0D+0AAction:+20x")
    whole, one = Report(Kind.FAILED, original).blocks
    assert whole["Original-Envelope-Id"] == "a+b? Action: x"
    assert one["Action"] == "failed"


@pytest.mark.parametrize(
    ("kind", "notify", "hears"),
    [
        (Kind.FAILED, frozenset(), True),
        (Kind.FAILED, frozenset({"FAILURE"}), True),
        (Kind.FAILED, frozenset({"DELAY", "SUCCESS"}), False),
        (Kind.FAILED, frozenset({"NEVER"}), False),
        (Kind.DELAYED, frozenset(), True),
        (Kind.DELAYED, frozenset({"DELAY"}), True),
        (Kind.DELAYED, frozenset({"FAILURE"}), False),
        (Kind.DELAYED, frozenset({"NEVER"}), False),
    ],
)
def test_who_hears(kind: Kind, notify: frozenset[str], hears: bool) -> None:
    fate = Fate("a@b", "why", notify=notify)
    assert told(kind, "app@example.org", [fate]) == ((fate,) if hears else ())
    assert told(kind, "", [fate]) == (), "never a bounce of a bounce"


def test_no_report_to_nobody_and_of_nothing() -> None:
    for original, fates in ((Original("id", "", NOON, CONTENT), (GONE,)), (MAIL, ())):
        with pytest.raises(ValueError, match="a bounce needs"):
            write(Kind.FAILED, original, fates, HOST, NOON, boundary="b")


HOSTILE = st.text(max_size=80) | st.sampled_from(
    [
        "a\r\nBcc: eve@example.org",
        "--b0undary--\r\n",
        "\x00",
        "x" * 3000,
        "\u2028To: eve@example.org",
        "é" * 999,
    ]
)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, st.binary(max_size=200))
def test_nothing_of_a_server_or_a_mail_adds_a_field_or_a_part(
    answer: str, why: str, address: str, envid: str, content: bytes
) -> None:
    clean = re.sub(rb"[\r\n\0]", b" ", content)  # the dialogue takes nothing else
    original = Original("id", "app@example.org", NOON, b"X: " + clean + b"\r\n\r\n", envid=envid)
    fate = Fate(address, why, answer=answer, server=answer, status=envid)
    report = Report(Kind.FAILED, original, fate)
    assert set(report.found.keys()) <= {
        *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "Auto-Submitted", "User-Agent"),
        *("MIME-Version", "Content-Type"),
    }
    parts = report.found.get_payload()
    assert isinstance(parts, list)
    assert len(parts) == 3
    whole, one = report.blocks
    assert set(whole.keys()) <= {"Reporting-MTA", "Original-Envelope-Id", "Arrival-Date"}
    assert set(one.keys()) <= {"Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code"}
