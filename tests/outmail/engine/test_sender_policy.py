"""Whose name relayed mail goes out under, by policy, and that nothing else of it changes."""

from __future__ import annotations

import email
from email import policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.engine.sender_policy import Fit, Unfit, addresses, fit
from store.profiles import Profile

OURS = "helpdesk@example.org"


def profile(sender_policy: str, **more: object) -> Profile:
    values = {"protocol": "smtp", "from_address": OURS, "smtp": {"host": "smtp.example.org"}}
    return Profile.model_validate({**values, "sender_policy": sender_policy, **more})


def fields(headers: bytes) -> list[tuple[str, str]]:
    return list(email.message_from_bytes(headers + b"\r\n", policy=policy.SMTPUTF8).items())


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (" a@b.c", ["a@b.c"]),
        ("A <a@b.c>", ["a@b.c"]),
        ("a@b <a@b>", ["a@b"]),  # as printers write it
        ('"Last, First" <a@b.c>', ["a@b.c"]),
        ('"x <evil@e>" <a@b.c>, B <b@b.c>', ["a@b.c", "b@b.c"]),
        ("a@b.c (The, <x@y> desk)", ["a@b.c"]),
        ('"a b"@c.d', ['"a b"@c.d']),
        ("root", ["root"]),
        ("root (Cron Daemon)", ["root"]),
        ("=?utf-8?q?M=C3=BCller?= <a@b.c>", ["a@b.c"]),
        ("", []),
        ("<>", []),
        ("a@b.c, c@d.e", ["a@b.c", "c@d.e"]),
    ],
)
def test_addresses_however_they_are_written(value: str, wanted: list[str]) -> None:
    assert addresses(value) == wanted


HEAD = (
    b"Received: by us\r\n"
    b"From: The\r\n App <app@web.example.org>\r\n"
    b"To: you@example.net\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\tand more\r\n"
    b"X-Raw: \xfc bytes\r\n"
)


def test_allow_changes_nothing() -> None:
    assert fit(profile("allow"), "app@web.example.org", HEAD) == Fit("app@web.example.org", HEAD)


@pytest.mark.parametrize(
    ("sender", "author", "said"),
    [
        (OURS, OURS, None),
        (OURS.upper(), f"Desk <{OURS.upper()}>", None),
        ("", OURS, None),
        (OURS, "app@web.example.org", "app@web.example.org"),
        ("app@web.example.org", OURS, "app@web.example.org"),
        (OURS, f"{OURS}, app@web.example.org", "app@web.example.org"),
        (OURS, "", "nobody"),
        (OURS, "grüße@example.org", "gr??e@example.org"),
    ],
)
def test_enforce(sender: str, author: str, said: str | None) -> None:
    head = f"From: {author}\r\nTo: a@b.c\r\n".encode() if author else b"To: a@b.c\r\n"
    found = fit(profile("enforce"), sender, head)
    if said is None:
        assert found == Fit(sender, head)
    else:
        assert isinstance(found, Unfit)
        assert found.text.endswith(f"this is from {said}")
        assert found.text.isascii()


def test_rewrite_puts_us_in_from_and_the_author_in_reply_to() -> None:
    found = fit(profile("rewrite", sender_name="Hilfe & Größe"), "app@web.example.org", HEAD)
    assert isinstance(found, Fit)
    assert (found.sender, found.changed) == (OURS, "From")
    read = fields(found.headers)
    author = email.message_from_bytes(found.headers + b"\r\n", policy=policy.SMTP)["From"].addresses[0]
    assert (author.display_name, author.addr_spec) == ("Hilfe & Größe", OURS)
    assert dict(read)["Reply-To"] == "app@web.example.org"
    before = HEAD.replace(b"From: The\r\n App <app@web.example.org>\r\n", b"")
    assert b"".join(line for line in found.headers.splitlines(keepends=True) if line in before) == before
    assert [name for name, _ in read][:2] == ["Received", "From"], "where the old one was"


@pytest.mark.parametrize(
    ("head", "more", "reply_to"),
    [
        (b"From: root\r\n", {}, None),
        (b"From: app@localhost\r\n", {}, None),
        (b"From: app@web.example.org\r\nReply-To: boss@example.org\r\n", {}, "boss@example.org"),
        (b"From: app@web.example.org\r\n", {"reply_to": "desk@example.org"}, "desk@example.org"),
        (b"From: root\r\nReply-To: a@b.c\r\n", {"reply_to": "desk@example.org"}, "a@b.c"),
        (b"From: a@web.example.org\r\nFrom: b@web.example.org\r\n", {}, "a@web.example.org"),
        (b"Subject: nobody wrote it\r\n", {}, None),
        (b"FROM : app@web.example.org\r\nSender: app@web.example.org\r\n", {}, "app@web.example.org"),
    ],
)
def test_what_is_kept_of_the_author(head: bytes, more: dict[str, object], reply_to: str | None) -> None:
    found = fit(profile("rewrite", **more), "x@y.z", head)
    assert isinstance(found, Fit)
    read = fields(found.headers)
    names = [name.lower().strip() for name, _ in read]
    assert names.count("from") == 1
    assert "sender" not in names
    assert dict(read)["From"] == OURS
    assert dict(read).get("Reply-To") == reply_to


@pytest.mark.parametrize(
    ("sender", "wanted", "changed"),
    [(OURS, OURS, ""), ("", "", ""), ("other@example.org", OURS, "reverse-path")],
)
def test_rewrite_leaves_our_own_mail_alone(sender: str, wanted: str, changed: str) -> None:
    head = f"From: Somebody <{OURS}>\r\n".encode()
    assert fit(profile("rewrite"), sender, head) == Fit(wanted, head, changed)


@given(st.lists(st.binary(min_size=1, max_size=60).filter(lambda b: not set(b) & {10, 13, 0}), max_size=12))
def test_fields_that_are_not_the_senders_stay_byte_for_byte(lines: list[bytes]) -> None:
    others = [
        line
        for line in lines
        if not line.lstrip().lower().startswith((b"from", b"sender", b"reply-to")) and line[:1] not in b" \t"
    ]
    head = b"".join(line + b"\r\n" for line in others)
    found = fit(profile("rewrite"), "x@y.z", b"From: root\r\n" + head)
    assert isinstance(found, Fit)
    assert found.headers == f"From: {OURS}\r\n".encode() + head
