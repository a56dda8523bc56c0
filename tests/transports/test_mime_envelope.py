"""The envelope's recipients get the mail and nobody else, whatever the header says; no other byte changes."""

from __future__ import annotations

import email
import re
from email import policy
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.corpus import messages
from transports.mime_addresses import key, read
from transports.mime_envelope import canonical, fit, phrase
from transports.mime_structure import Unfit

_BODY = b"\r\nTo: eve@example.test\r\nthe text\r\n"
_RECIPIENT_FIELD = re.compile(rb"^(?:resent-)?(?:to|cc|bcc)[ \t]*:.*\r\n(?:[ \t].*\r\n)*", re.I | re.M)


def people(content: bytes, *names: str) -> set[str]:
    """Whom another program finds in these fields, as keys: the library's parser, which is lenient."""
    message = email.message_from_bytes(content, policy=policy.compat32)
    values = [
        str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\r\n", "")
        for name, value in message.raw_items()
        if name.lower() in names
    ]
    return {key(address) for value in values for _, address in getaddresses([value]) if address}


def written(fields: list[tuple[bytes, bytes]]) -> set[str]:
    """Whatever looks like an address in To or Cc, as keys without white space."""
    values = [value for name, value in fields if name.strip().lower() in {b"to", b"cc"}]
    text = re.sub(r"\s", "", b",".join(values).decode())
    found = re.findall(r"(?=((?:\"[^\"@]*\"|[^<>,;:()\"@]+)@[^<>,;:()\"@]+))", text)
    return {key(address) for address in found}


def keys(*addresses: str) -> set[str]:
    return {key(address) for address in addresses}


@pytest.mark.parametrize(
    ("header", "recipients", "expected"),
    [
        (b"To: bob@x.test\r\n", ["BOB@X.test"], None),
        (b"To: a@x.test\r\nCc: \r\n", ["a@x.test"], None),
        (b"to: =?utf-8?q?J=C3=BCrgen?=\r\n <j@xn--bcher-kva.test>\r\n", ["j@bücher.test"], None),
        (b"To: T: a@x.test, b@x.test;\r\n", ["a@x.test", "b@x.test"], None),
        (b"To: a@x.test (Mr. A)\r\nBcc: b@x.test\r\n", ["a@x.test", "b@x.test"], None),
        (b'To: "Last, First" <a@x.test>\r\n', ["a@x.test"], None),
        (b'To: "a b"@x.test\r\n', ['"a b"@x.test'], None),
        (b"Subject: s\r\n", ["a@x.test"], b"Bcc: a@x.test\r\nSubject: s\r\n"),
        (
            b"To: undisclosed-recipients:;\r\n",
            ["a@x.test"],
            b"Bcc: a@x.test\r\nTo: undisclosed-recipients:;\r\n",
        ),
        (b"To: a@x.test\r\nBcc: b@x.test\r\n", ["a@x.test"], b"To: a@x.test\r\n"),
        (b"BCC: b@x.test\r\nbcc: c@x.test\r\n", ["c@x.test"], b"Bcc: c@x.test\r\n"),
        (
            b"To: Carol Smith <c@x.test>,\r\n a@x.test, dan@x.test\r\nX: y\r\n",
            ["a@x.test", "b@x.test"],
            b'Bcc: b@x.test\r\nTo: Carol Smith:;, a@x.test, "dan at x.test":;\r\nX: y\r\n',
        ),
        (b"To: a@x.test <a@x.test>\r\n", ["a@x.test"], b'To: "a@x.test" <a@x.test>\r\n'),
        (b"To: e@x.test <a@x.test>\r\n", ["a@x.test"], b'To: "e@x.test" <a@x.test>\r\n'),
        (b"To: a@x.test; b@x.test\r\n", ["a@x.test", "b@x.test"], b"To: a@x.test, b@x.test\r\n"),
        (b"To: Last, First <a@x.test>\r\n", ["a@x.test"], b"To: Last:;, First <a@x.test>\r\n"),
        (b"To: J. Q. Public <a@x.test>\r\n", ["a@x.test"], b'To: "J. Q. Public" <a@x.test>\r\n'),
        (b"To: <@r1.test,@r2.test:a@x.test>\r\n", ["a@x.test"], b"To: <a@x.test>\r\n"),
        (b"To: a @ x.test\r\n", ["a@x.test"], b"To: <a@x.test>\r\n"),
        (b"To : a@x.test\r\n", ["a@x.test"], b"To: a@x.test\r\n"),
        (b"To: a@x.test\r\nTo: b@x.test\r\n", ["a@x.test", "b@x.test"], b"To: a@x.test, b@x.test\r\n"),
        (b"To: <<a@x.test\r\n", ["a@x.test"], b'Bcc: a@x.test\r\nTo: "a at x.test":;\r\n'),
        (b"To: T: a@x.test, b@x.test;\r\n", ["a@x.test"], b'To: T: a@x.test;, "b at x.test":;\r\n'),
        (
            b"Resent-To: e@x.test\r\nTo: a@x.test\r\n",
            ["a@x.test"],
            b'Resent-To: "e at x.test":;\r\nTo: a@x.test\r\n',
        ),
        (b"Resent-Bcc: e@x.test\r\nTo: a@x.test\r\n", ["a@x.test"], b"To: a@x.test\r\n"),
        (b"Resent-To: a@x.test\r\n", ["a@x.test"], b"Bcc: a@x.test\r\nResent-To: a@x.test\r\n"),
        (
            "To: Zoë <z@x.test>, =?utf-8?q?A=40b?= <q@x.test>\r\n".encode(),
            [],
            b"To: =?utf-8?b?Wm/Dqw==?=:;, A at b:;\r\n",
        ),
        (b"To: a@x.test.\r\n", ["a@x.test"], b'Bcc: a@x.test\r\nTo: "a at x.test.":;\r\n'),
        (b"To: root\r\n", ["a@x.test"], b"Bcc: a@x.test\r\nTo: root:;\r\n"),
        (b"", ["jürgen@bücher.test"], "Bcc: jürgen@bücher.test\r\n".encode()),
        (b"From a@x.test Mon\r\nTo: a@x.test\r\n", ["a@x.test"], None),
        (b"From a@x.test Mon\r\nX: y\r\n", ["a@x.test"], b"From a@x.test Mon\r\nBcc: a@x.test\r\nX: y\r\n"),
    ],
)
def test_the_header_after(header: bytes, recipients: list[str], expected: bytes | None) -> None:
    content = header + _BODY
    fitted = fit(content, recipients)
    if expected is None:
        assert fitted is content
    else:
        assert fitted == expected + _BODY
        assert fit(fitted, recipients) is fitted


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b"Bcc: a@x.test\r\n\r\n"),
        (b"\r\n", b"Bcc: a@x.test\r\n\r\n"),
        (b"\r\ntext", b"Bcc: a@x.test\r\n\r\ntext"),
        (b"text", b"Bcc: a@x.test\r\n\r\ntext"),
        (b"X: y", b"Bcc: a@x.test\r\nX: y"),
        (b"X: y\r\n", b"Bcc: a@x.test\r\nX: y\r\n"),
        (b"Bcc: a@x.test\r\ntext\r\nBcc: e@x.test", b"Bcc: a@x.test\r\n\r\ntext\r\nBcc: e@x.test"),
        (b" folded\r\nTo: e@x.test\r\n\r\n", b"Bcc: a@x.test\r\n\r\n folded\r\nTo: e@x.test\r\n\r\n"),
        (b"To: e@x.test", b'Bcc: a@x.test\r\nTo: "e at x.test":;\r\n'),
    ],
)
def test_a_header_that_does_not_end_as_it_should(content: bytes, expected: bytes) -> None:
    assert fit(content, ["a@x.test"]) == expected
    assert fit(expected, ["a@x.test"]) is expected


@pytest.mark.parametrize(
    "bad", ["root", "", "a@", "@x", "a b@x", "a@x\r\nTo: e@x", "a@x, b@x", "<a@x>", "a@\ud800"]
)
def test_a_recipient_that_is_no_address(bad: str) -> None:
    with pytest.raises(Unfit) as caught:
        fit(b"\r\n", ["a@x.test", bad])
    assert caught.value.enhanced == "5.1.3"


@pytest.mark.parametrize("header", [b"X: a\rBcc: e@x\r\n\r\n", b"X: a\nBcc: e@x\r\n\r\n", b"To: a@x\n\nhi"])
def test_a_line_end_that_is_none_hides_no_field(header: bytes) -> None:
    with pytest.raises(Unfit) as caught:
        fit(header, ["a@x.test"])
    assert caught.value.enhanced == "5.6.11"


def test_many_recipients_make_lines_of_a_bearable_length() -> None:
    everyone = [f"recipient-{number}@a-rather-long-domain.example.test" for number in range(1000)]
    fitted = fit(_BODY, everyone)
    assert max(map(len, fitted.split(b"\r\n"))) <= 78
    assert people(fitted, "bcc") == keys(*everyone)


def test_long_names_are_folded_and_long_lists_stay_readable() -> None:
    field = b"To: " + b", ".join(b'"' + b"word " * 60 + b'%d" <u%d@x.test>' % (n, n) for n in range(50))
    fitted = fit(field + b"\r\n\r\n", ["u1@x.test"])
    assert max(map(len, fitted.split(b"\r\n"))) <= 100
    assert people(fitted, "to") == keys("u1@x.test")
    assert fitted.count(b":;") == 49


@pytest.mark.parametrize("name", messages.NAMES)
def test_the_corpus_stays_as_it_is_where_its_recipients_are_the_envelope(name: str) -> None:
    content = messages.named(name, "t")
    assert canonical(content) is content
    assert fit(content, messages.addressed(name)) is content
    other = fit(content, ["bob@example.test"])
    assert people(other, "to", "cc", "bcc") == keys("bob@example.test")
    ours, theirs = other.partition(b"\r\n\r\n")[0] + b"\r\n", content.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert _RECIPIENT_FIELD.sub(b"", ours) == _RECIPIENT_FIELD.sub(b"", theirs)
    assert other.partition(b"\r\n\r\n")[2] == content.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (b"a\nb\r\n", b"a\r\nb\r\n"),
        (b"a\rb\r\n", b"a\r\nb\r\n"),
        (b"a\r\r\nb\r\r\r\n", b"a\r\nb\r\n"),
        (b"a\n\r\nb\r", b"a\r\n\r\nb\r\n"),
        (b"soft=\nbreak=\n", b"soft=\r\nbreak=\r\n"),
        (b"a\n\rb", b"a\r\n\r\nb"),
    ],
)
def test_line_ends_become_canonical(given_: bytes, expected: bytes) -> None:
    assert canonical(given_) == expected
    assert canonical(expected) is expected


def test_a_binary_part_is_refused_where_its_line_ends_would_change() -> None:
    head = b"Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    kept = head + b"\0\r\n"
    assert canonical(kept) is kept
    with pytest.raises(Unfit) as caught:
        canonical(head + b"\0\n")
    assert (caught.value.what, caught.value.enhanced) == ("binary", "5.6.3")


def test_many_carriage_returns_take_no_time() -> None:
    assert canonical(b"\r" * 300_000) == b"\r\n" * 300_000
    assert canonical(b"\r" * 300_000 + b"\n") == b"\r\n"


@pytest.mark.parametrize(
    "name", ["", "Plain Name", 'a "b" \\c', "Ünïcode " * 40, "=?utf-8?q?x?=", "a@b, <c>"]
)
def test_a_phrase_is_read_back_as_it_was(name: str) -> None:
    found = read(phrase(name) + b" <a@x.test>" if name else b"a@x.test")
    assert found is not None
    assert found.clean
    assert found.mailboxes()[0].name == " ".join(name.split())[:200].strip()


_LOCAL = st.sampled_from(["bob", "Bob", "carol", "d.e", '"q q"', '"x,y"', "jür", "o'b", "a+t"])
_DOMAIN = st.sampled_from(["x.test", "X.test", "bücher.test", "xn--bcher-kva.test", "[192.0.2.1]"])
_ADDRESS = st.builds("{}@{}".format, _LOCAL, _DOMAIN)
_NAME = st.sampled_from(
    [
        "",
        "Bob ",
        '"Last, First" ',
        "=?utf-8?q?=C3=BC?= ",
        "J. Q. ",
        "a@b.test ",
        '"<eve@x.test>" ',
        "Zoë ",
        "(c) ",
    ]
)
_MAILBOX = st.one_of(
    _ADDRESS, st.builds("{}<{}>".format, _NAME, _ADDRESS), st.just("root"), st.just("Last, First")
)
_COMMA = st.sampled_from([", ", ",", ",\r\n ", "; ", ",\r\n\t ", ",, ", " "])
_LIST = st.lists(st.tuples(_MAILBOX, _COMMA), max_size=6).map(lambda all_: "".join(a + b for a, b in all_))
_VALUE = st.one_of(
    _LIST,
    _LIST.map("Team: {};".format),
    st.text(st.sampled_from('ab@.<>,;:"()[]\\ =?é\t'), max_size=30),
    st.lists(st.sampled_from(["bob@x.test", "\r\n ", "(", ")", '"', "<", ">", ",", ";", ":", "\\", "@"])).map(
        "".join
    ),
).map(lambda text: text.encode())
_NAMES = st.sampled_from(
    [
        b"To",
        b"Cc",
        b"BCC",
        b"to ",
        b"Resent-To",
        b"Resent-Cc",
        b"Resent-Bcc",
        b"Subject",
        b"X-To",
        b"Reply-To",
    ]
)


@given(
    st.lists(st.tuples(_NAMES, _VALUE), max_size=6), st.lists(_ADDRESS, max_size=5), st.binary(max_size=30)
)
def test_the_envelope_rule(fields: list[tuple[bytes, bytes]], recipients: list[str], body: bytes) -> None:
    header = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    content = header + b"\r\n" + body
    try:
        fitted = fit(content, recipients)
    except Unfit:
        assert re.search(rb"(?<!\r)\n|\r(?!\n)", header)
        raise
    assert people(fitted, "to", "cc", "bcc") == keys(*recipients)
    assert people(fitted, "resent-to", "resent-cc", "resent-bcc") <= keys(*recipients)
    assert {each.replace(" ", "") for each in people(fitted, "to", "cc")} <= written(fields)
    assert fit(fitted, recipients) is fitted
    assert fitted.endswith(b"\r\n" + body)
    assert _RECIPIENT_FIELD.sub(b"", fitted) == _RECIPIENT_FIELD.sub(b"", content)
    assert all(len(line) <= 998 for line in fitted[: len(fitted) - len(body)].split(b"\r\n"))


_CHUNK = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\r\n", b"\r\n ", b"\r\n\r\n", b"To:", b"Bcc: ", b"cc :", b"eve@x.test", b"\r", b"\n", b"\0"]
    ),
)


@given(st.lists(_CHUNK, max_size=14).map(b"".join), st.lists(_ADDRESS, max_size=3))
def test_any_bytes_mail_nobody_else_and_raise_nothing_but_unfit(
    content: bytes, recipients: list[str]
) -> None:
    for given_ in (content, canonical(content)):
        try:
            fitted = fit(given_, recipients)
        except Unfit:
            assert given_ is not canonical(content)
            continue
        assert people(fitted, "to", "cc", "bcc") == keys(*recipients)
        assert fit(fitted, recipients) is fitted
