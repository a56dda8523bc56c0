"""Lists of addresses are read as people write them, and what is no address is an error, never left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.sendmail_addresses import NoAddress, addresses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" , ;,", []),
        ("a@b.c", ["a@b.c"]),
        ("a@b.c, d@e.f", ["a@b.c", "d@e.f"]),
        ("a@b.c; d@e.f;", ["a@b.c", "d@e.f"]),
        ("root", ["root"]),
        ('"Last, First" <a@b.c>', ["a@b.c"]),
        ('"Last, \\"First" <a@b.c>, Else <d@e.f>', ["a@b.c", "d@e.f"]),
        ("First Last <a@b.c>", ["a@b.c"]),
        ("a@b.c <a@b.c>", ["a@b.c"]),
        ("a@b.c (Last, First), (x (y) \\) ,z) d@e.f", ["a@b.c", "d@e.f"]),
        ("undisclosed-recipients:;", []),
        ("Team: a@b.c, Boss <d@e.f>;, g@h.i", ["a@b.c", "d@e.f", "g@h.i"]),
        ("Team: a@b.c", ["a@b.c"]),
        ("=?utf-8?q?Last,_First?= <a@b.c>", ["a@b.c"]),
        ("=?utf-8?b?w4A=?= =?utf-8?q?x;y?= <a@b.c>", ["a@b.c"]),
        ("=?a@b.c", ["=?a@b.c"]),
        ("a @ b . c", ["a@b.c"]),
        ("<a@b.c>", ["a@b.c"]),
        ("<@x.y,@z:a@b.c>", ["a@b.c"]),
        ("< a@b.c >", ["a@b.c"]),
        ("<>", [""]),
        ('"a b"@c.d', ['"a b"@c.d']),
        ('"a,b"@c.d, e@f', ['"a,b"@c.d', "e@f"]),
        ("a@[192.0.2.1]", ["a@[192.0.2.1]"]),
        ("a@[IPv6:2001:db8::1]", ["a@[IPv6:2001:db8::1]"]),
        ("üser@exämple.org", ["üser@exämple.org"]),
        ("a@b.c,\r\n\td@e.f", ["a@b.c", "d@e.f"]),
        ("o'brien+x=y/z@b.c", ["o'brien+x=y/z@b.c"]),
    ],
)
def test_lists(text: str, found: list[str]) -> None:
    assert addresses(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "John Smith",
        "a@b.c d@e.f",
        "@b.c",
        "a@",
        "a@b@c",
        '"a b <a@b.c>',
        "a@b.c (x",
        "a <b@c",
        "a <b c@d>",
        "a <b@c> <d@e>",
        "a\x00b@c",
        "a\x7f@b",
        "a@b\ufffd",
        "a@b>c",
        "x" * 600 + "@b.c",
        '"a"b"@c',
        ": a@b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(NoAddress) as info:
        addresses(text)
    assert str(info.value).isprintable()


LOCAL = st.from_regex(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,12}", fullmatch=True).filter(
    lambda s: not s.startswith("=?")
)
ADDRESS = st.builds(lambda a, b: f"{a}@{b}.test", LOCAL, st.from_regex(r"[a-z]{1,8}", fullmatch=True))
NAME = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=12)


def quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


FORM = st.one_of(
    st.just(lambda a, _n: a),
    st.just(lambda a, _n: f"<{a}>"),
    st.just(lambda a, n: f"{quoted(n)} <{a}>"),
    st.just(lambda a, n: f"({n.replace(chr(92), '').replace('(', '').replace(')', '')}) {a}"),
)


@given(st.lists(st.tuples(ADDRESS, NAME, FORM), max_size=5), st.sampled_from([",", ", ", ";", " ,\r\n\t"]))
def test_what_is_written_is_read(people: list, separator: str) -> None:  # type: ignore[type-arg]
    text = separator.join(form(address, name) for address, name, form in people)
    assert addresses(text) == [address for address, _, _ in people]


@given(st.text(st.sampled_from('ab@.,;:<>()[]"\\ =?é\n\x00'), max_size=30) | st.text(max_size=30))
def test_nothing_makes_it_stumble_or_slips_through(text: str) -> None:
    try:
        found = addresses(text)
    except NoAddress:
        return
    for address in found:
        assert address.isprintable()
        assert "<" not in address or address.startswith('"')
        assert not address.endswith("@")
