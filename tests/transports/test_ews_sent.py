"""A mail that may have been taken is looked for in Sent Items, by its Message-ID and its recipients."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from outmail.demo.names import DESK, SUPPORT
from tests.servers.ews_spec import problems_of
from tests.servers.pki import Pki
from tests.transports.ewses import HERE, TAKEN, fault, opened, said, to, xml
from tests.transports.graphs import mail
from tests.transports.watching import Watcher
from tests.transports.web import WebServer, silence
from transports.base import Cause, Envelope, Receipt, Scope, TransportError, Verdict
from transports.routes import Timeouts

BOX = "<t:Mailbox><t:EmailAddress>%s</t:EmailAddress></t:Mailbox>"


def again(*people: str, number: str = "one") -> Envelope:
    return Envelope(DESK, people or ("a@example.org",), mail(number), again=True)


def listed(*ids: str) -> bytes:
    """What FindItem answers."""
    items = "".join(f'<t:Message><t:ItemId Id="{one}" ChangeKey="C"/></t:Message>' for one in ids)
    return said("FindItem", inside=f"<m:RootFolder><t:Items>{items}</t:Items></m:RootFolder>")


def addressed(*mails: tuple[str, ...]) -> bytes:
    """What GetItem answers: mails to the first of each, with the others hidden; () tells nobody."""
    items = ""
    for people in mails:
        seen, hidden = ("".join(BOX % one for one in part) for part in (people[:1], people[1:]))
        items += f"<t:Message><t:ToRecipients>{seen}</t:ToRecipients>"
        items += f"<t:BccRecipients>{hidden}</t:BccRecipients></t:Message>"
    return said("GetItem", inside=f"<m:Items>{items}</m:Items>")


async def sends(pki: Pki, envelope: Envelope, *answers: bytes, **more: object) -> tuple[Receipt, list[str]]:
    """What is told, and what was asked, where the server answers so and takes whatever is sent."""
    more = {"keep_copy": True, **more}
    async with (
        WebServer(HERE, *map(xml, answers), TAKEN, tls=pki.good) as server,
        opened(to(server, pki, **more)) as way,
    ):
        receipt = await way.send(envelope, Watcher().trace)
    asked = []
    for one in server.asked[1:]:
        (operation,) = ET.fromstring(one.body)[-1]
        assert not list(problems_of(operation))
        asked.append(operation.tag.rpartition("}")[2])
    return receipt, asked


async def test_what_is_there_is_not_sent_again(pki: Pki) -> None:
    receipt, asked = await sends(
        pki,
        again("a@example.org", "B@example.org"),
        listed("1=="),
        addressed(("A@example.org", "b@example.org")),
    )
    assert "found in Sent Items" in receipt.answer
    assert asked == ["FindItem", "GetItem"]


async def test_the_same_number_for_somebody_else_is_another_mail(pki: Pki) -> None:
    others = addressed(("somebody@example.org",), ("b@example.org", "c@example.org"))
    receipt, asked = await sends(pki, again(), listed("1==", "2=="), others)
    assert "found" not in receipt.answer
    assert asked == ["FindItem", "GetItem", "CreateItem"]


@pytest.mark.parametrize("mails", [(), ((),), (("b@example.org",),), ((), ("b@example.org",))])
async def test_where_the_recipients_are_not_told_nothing_is_known(
    pki: Pki, mails: tuple[tuple[str, ...], ...]
) -> None:
    with pytest.raises(TransportError) as caught:
        await sends(pki, again(), listed("1==", "2=="), addressed(*mails))
    assert (caught.value.failure.verdict, caught.value.failure.cause) == (Verdict.UNCERTAIN, Cause.CANNOT_ASK)


async def test_what_is_not_there_is_sent(pki: Pki) -> None:
    assert (await sends(pki, again(), listed()))[1] == ["FindItem", "CreateItem"]


async def test_it_is_looked_for_where_the_copy_went(pki: Pki) -> None:
    async with (
        WebServer(HERE, xml(listed()), TAKEN, tls=pki.good) as server,
        opened(to(server, pki, keep_copy=True, mailbox=SUPPORT)) as way,
    ):
        await way.send(again(number="it's <&\" one"), Watcher().trace)
    for one in server.asked[1:]:
        assert b'Id="sentitems"' in one.body
        assert f"<t:EmailAddress>{SUPPORT}<".encode() in one.body
    assert b"&lt;it's &lt;&amp;&quot; one@practice.test&gt;" in server.asked[1].body


@pytest.mark.parametrize(
    ("answer", "envelope", "more"),
    [
        (said("FindItem", "ErrorAccessDenied"), again(), {}),
        (said("FindItem", "ErrorFolderNotFound"), again(), {}),
        (listed(), Envelope(DESK, ("a@example.org",), b"Subject: x\r\n\r\n", again=True), {}),
        (listed(), again(number="\x01"), {}),
        (listed(), again(), {"keep_copy": False}),
    ],
)
async def test_where_nobody_can_look_the_profile_says_what_becomes_of_it(
    pki: Pki, answer: bytes, envelope: Envelope, more: dict[str, object]
) -> None:
    with pytest.raises(TransportError) as caught:
        await sends(pki, envelope, answer, **more)
    failure = caught.value.failure
    assert (failure.scope, failure.verdict, failure.cause) == (
        Scope.MESSAGE,
        Verdict.UNCERTAIN,
        Cause.CANNOT_ASK,
    )
    looked = answer != listed()
    answers = (answer,) if looked else ()
    asked = (await sends(pki, envelope, *answers, unasked="send-again", **more))[1]
    assert asked == [*(["FindItem"] if looked else []), "CreateItem"]


async def test_an_answer_that_tells_nothing_about_it_sends_nothing(pki: Pki) -> None:
    with pytest.raises(TransportError) as caught:
        await sends(pki, again(), fault("ErrorServerBusy"))
    assert (caught.value.failure.scope, caught.value.failure.verdict) == (Scope.SERVER, Verdict.RETRY)


async def test_no_answer_in_time_is_uncertain(pki: Pki) -> None:
    impatient = Timeouts(data=0.3, data_per_mib=0)
    async with (
        WebServer(HERE, silence, tls=pki.good) as server,
        opened(to(server, pki, timeouts=impatient)) as way,
    ):
        with pytest.raises(TransportError) as caught:
            await way.send(Envelope(DESK, ("a@example.org",), mail("one")), Watcher().trace)
    failure = caught.value.failure
    assert (failure.scope, failure.verdict, failure.cause) == (
        Scope.MESSAGE,
        Verdict.UNCERTAIN,
        Cause.TIMED_OUT,
    )
    assert len(server.asked) == 2
