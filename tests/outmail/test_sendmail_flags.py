"""The flags are read as Postfix reads them; what cannot be obeyed is said before anything is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.sendmail_flags import DELIVER, NOTHING, QUEUE, RETRY, SMTP, WrongUse, parse


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("a@b", {"recipients": ["a@b"]}),
        ("-t", {"extract": True}),
        ("-t -i", {"extract": True, "dots": True}),
        ("-ti", {"extract": True, "dots": True}),
        ("-oi -oem -oee -t", {"dots": True, "extract": True}),
        (
            "-FCronDaemon -i -B8BITMIME -oem root",
            {"name": "CronDaemon", "dots": True, "recipients": ["root"]},
        ),
        ("-f a@b -r c@d", {"sender": "c@d"}),
        ("-fa@b x@y", {"sender": "a@b", "recipients": ["x@y"]}),
        ("-N never -R hdrs -V a+b", {"notify": "NEVER", "ret": "HDRS", "envid": "a+2Bb"}),
        ("-N success,delay", {"notify": "SUCCESS,DELAY"}),
        ("-bm", {"mode": DELIVER}),
        ("-bs", {"mode": SMTP}),
        ("-bp", {"mode": QUEUE}),
        ("-bi", {"mode": NOTHING}),
        ("-I", {"mode": NOTHING}),
        ("-q", {"mode": RETRY}),
        ("-q5m", {"mode": RETRY}),
        ("-C /etc/x.cf -t", {"extract": True}),
        ("-a web a@b", {"profile": "web", "recipients": ["a@b"]}),
        ("-odb -oMrSMTP -o7 -L tag -h 5 -e m -X log -p x -O Timeout.x=1 a@b", {"recipients": ["a@b"]}),
        ("-O IgnoreDots=true a@b", {"dots": True}),
        ("-m -n -U -G -x a@b", {"recipients": ["a@b"]}),
        ("-v -d0.1 a@b", {"verbose": True, "recipients": ["a@b"]}),
        ("a@b -f c@d", {"recipients": ["a@b"], "sender": "c@d"}),
        ("-t -- -x@y", {"recipients": ["-x@y"]}),
        ("--home /x --system -t", {"home": "/x", "system": True, "extract": True}),
        ("--home=/x", {"home": "/x"}),
        ("-V", {}),
    ],
)
def test_flags(line: str, wanted: dict[str, object]) -> None:
    flags = parse(line.split())
    assert {name: getattr(flags, name) for name in wanted} == wanted


def test_an_empty_sender_and_names_of_the_program() -> None:
    assert parse(["-f", "", "a@b"]).sender == ""
    assert parse(["a@b"]).sender is None
    assert parse([], "mailq").mode == QUEUE
    assert parse([], "newaliases").mode == NOTHING


@pytest.mark.parametrize(
    "line", ["-Z", "-tZ", "--foo", "-f", "-bd", "-bz", "-N sometimes", "-R x", "-B 9BIT", "-V é", "--home"]
)
def test_what_cannot_be_obeyed(line: str) -> None:
    with pytest.raises(WrongUse) as info:
        parse(line.split())
    assert info.value.remedy


@given(st.lists(st.text(max_size=8) | st.from_regex(r"-[a-zA-Z]{1,3}", fullmatch=True), max_size=6))
def test_nothing_makes_it_stumble(words: list[str]) -> None:
    try:
        parse(words)
    except WrongUse:
        return
