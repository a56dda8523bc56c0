"""The queue, by keys: both views, one mail, what each key does and says; searching, choosing, many mails."""

from __future__ import annotations

import pytest

from outmail.engine.relay_status import Pause
from store.errors import ErrorKind, StoreError
from store.spool_shapes import State, Which
from tests.tui.fakes import MARKUP, FakeEngine, FakeWorkspace, two_profiles
from tests.tui.relay import EXPIRED, NOON, FakeRelay, line, mail, route, running, some_mails
from tests.tui.screen import LARGE, Size, Terminal, opened

_STOPPED = running(route(), route("backup", pause=Pause(NOON, "", "535 5.7.8 Authentication failed")))


def _relay() -> FakeRelay:
    return FakeRelay(running(), some_mails())


class _At:
    """The queue screen of a relay."""

    def __init__(self, relay: FakeRelay, size: Size = LARGE) -> None:
        engine = FakeEngine(relay=relay)
        self._opened = opened(FakeWorkspace(two_profiles()), engine, size=size, notices=True)

    async def __aenter__(self) -> Terminal:
        terminal = await self._opened.__aenter__()
        await terminal.see("relay", "* support")
        await terminal.press("u")
        await terminal.see("outmail › queue")
        await terminal.gone("reading …")
        return terminal

    async def __aexit__(self, *error: object) -> None:
        await self._opened.__aexit__(*error)  # type: ignore[arg-type]


async def test_each_mail_is_a_line_with_state_recipient_and_reason() -> None:
    async with _At(_relay()) as terminal:
        await terminal.see("· waiting", "! held", "✗ dead", "! uncertain", "12:05", "you@example.org +1")
        await terminal.see("held by ada", "The server puts off mail", "root@localhost", "backup", "2 KB")


async def test_enter_shows_one_mail_in_full() -> None:
    async with _At(_relay()) as terminal:
        await terminal.press("enter")
        await terminal.see("cron@example.org", "boss@example.org", "2 so far", "451 4.7.1 Greylisted")
        await terminal.see("Try again in 5 to 15 minutes", "Subject: the nightly report")
        await terminal.press("escape")
        await terminal.see("6 mails")


async def test_the_same_explanation_is_not_given_for_each_recipient() -> None:
    async with _At(_relay()) as terminal:
        await terminal.press("enter")
        await terminal.see("boss@example.org")
        assert terminal.text.count("Try again in 5 to 15 minutes") == 1


async def test_a_mail_to_thousands_is_shown_at_once() -> None:
    many = [line(n, address=f"r{n}@example.org") for n in range(5000)]
    async with _At(FakeRelay(running(), [mail(1, *many)])) as terminal:
        await terminal.see("r0@example.org +4999")
        await terminal.press("enter")
        await terminal.see("r0@example.org")
        await terminal.press("end")
        await terminal.see("and 4900 more: outmail queue show")


async def test_text_of_servers_and_clients_is_never_markup() -> None:
    bad = mail(1, line(address="[red]you[/]@b.org", error=EXPIRED), sender=MARKUP)
    async with _At(FakeRelay(running(), [bad])) as terminal:
        await terminal.see("[red]you[/]@b.org")
        await terminal.press("enter")
        await terminal.see(MARKUP, "[red]you[/]@b.org")


# --- keys


@pytest.mark.parametrize(
    ("keys", "said", "word"),
    [
        (("r",), "2 recipients will be tried now.", "retry"),
        (("h",), "2 recipients will not be sent until l", "hold"),
        (("down", "l"), "Released: 1 recipient will be tried", "release"),
        (("l",), "Nothing of it is held.", "release"),
        (("down", "h"), "Nothing that waits is there to be", "hold"),
        (("down", "r"), "Nothing to try again", "retry"),
    ],
)
async def test_a_key_acts_on_the_selected_mail_and_says_what_it_did(
    keys: tuple[str, ...], said: str, word: str
) -> None:
    relay = _relay()
    mails = relay.mails
    chosen = mails[1 if "down" in keys else 0].id
    async with _At(relay) as terminal:
        await terminal.press(*keys)
        await terminal.see(said)
    assert relay.did == [(word, Which(ids=(chosen,)))]


async def test_when_delivery_is_paused_the_words_say_so() -> None:
    relay = _relay()
    relay.stands = running(pause=Pause(NOON, "ada", ""))
    async with _At(relay) as terminal:
        await terminal.see("paused")
        await terminal.press("r")
        await terminal.see("as soon as delivery")


async def test_when_no_relay_runs_the_words_say_so_and_everything_works() -> None:
    relay = FakeRelay(mails=some_mails())
    async with _At(relay) as terminal:
        await terminal.press("r")
        await terminal.see("as soon as a relay")
        await terminal.press("d", "y")
        await terminal.see("5 mails")


async def test_d_asks_first() -> None:
    relay = _relay()
    first = relay.mails[0].id
    async with _At(relay) as terminal:
        await terminal.press("d")
        await terminal.see("Delete this mail?", "its sender is not told")
        await terminal.press("n")
        await terminal.gone("Delete this mail?")
        assert relay.did == []
        await terminal.press("d")
        await terminal.see("Delete this mail?")
        await terminal.press("y")
        await terminal.see("1 mail is gone.", "5 mails")
    assert relay.did == [("delete", (first,))]


async def test_from_the_mail_itself_the_same_keys_work() -> None:
    relay = _relay()
    async with _At(relay) as terminal:
        await terminal.press("enter")
        await terminal.see("boss@example.org")
        await terminal.press("h")
        await terminal.see("held since")
        await terminal.press("l")
        await terminal.see("Released:")
        await terminal.press("d")
        await terminal.see("Delete this mail?")
        await terminal.press("y")
        await terminal.see("5 mails")
    assert [what for what, *_ in relay.did] == ["hold", "release", "delete"]


async def test_an_error_shows_its_remedy() -> None:
    relay = _relay()
    async with _At(relay) as terminal:
        relay.refuse = StoreError(ErrorKind.FORBIDDEN, "the queue was not changed", "no right", "use sudo")
        await terminal.press("r")
        await terminal.see("not changed", "no right", "use sudo")


# --- all of a list


@pytest.mark.parametrize(
    ("downs", "word"), [(0, "retry"), (1, "hold"), (2, "release")], ids=["retry", "hold", "release"]
)
async def test_a_does_it_with_every_mail_of_the_list(downs: int, word: str) -> None:
    relay = _relay()
    async with _At(relay) as terminal:
        await terminal.press("a")
        await terminal.see("What to do with every mail of this list?")
        await terminal.press(*["down"] * downs, "enter")
        await terminal.until(lambda: bool(relay.did))
    assert relay.did == [(word, Which())]


async def test_deleting_all_goes_by_the_page_and_leaves_what_is_being_sent() -> None:
    mails = [mail(n) for n in range(1200)]
    mails[3] = mail(3, line(state=State.SENDING))
    relay = FakeRelay(running(), mails)
    async with _At(relay) as terminal:
        await terminal.press("a")
        await terminal.see("Delete them")
        await terminal.press("end", "enter")
        await terminal.see("also those that are not loaded?")
        await terminal.press("y")
        await terminal.see("1199 mails are gone.", "1 mail")
    assert len(relay.mails) == 1


# --- searching and choosing


async def test_a_search_is_as_you_type_and_escape_ends_it() -> None:
    async with _At(_relay()) as terminal:
        await terminal.press("slash", *"boss")
        await terminal.see("1 of 6 mails with “boss”")
        await terminal.press("enter", "a")
        await terminal.see("the 1 that were found")
        await terminal.press("escape")
        await terminal.gone("that were found")
        await terminal.press("escape")
        await terminal.see("6 mails")
        await terminal.gone("boss”")
        await terminal.press("escape")
        await terminal.see("outmail › home")


async def test_nothing_found_says_so() -> None:
    async with _At(_relay()) as terminal:
        await terminal.press("slash", *"zzz")
        await terminal.see("No mail of this choice is in the queue.")


async def test_f_chooses_a_state_and_a_profile_and_escape_shows_all() -> None:
    async with _At(_relay()) as terminal:
        await terminal.press("f", "down", "enter")
        await terminal.see("3 mails · only waiting")
        await terminal.press("f", "end", "enter")
        await terminal.see("1 mail · only waiting, backup", "root@localhost")
        await terminal.press("escape")
        await terminal.see("6 mails")
        await terminal.gone("only waiting")


# --- by cause


async def test_causes_are_grouped_with_the_remedy_and_a_tries_all_of_one() -> None:
    relay = _relay()
    async with _At(relay) as terminal:
        await terminal.press("g")
        await terminal.see("The server puts off mail that it does not know yet", "2 waiting", "Held by hand")
        await terminal.see("Try again in 5 to 15 minutes", "a tries all of it again")
        await terminal.press("a")
        await terminal.see("2 recipients will be tried now.")
        await terminal.gone("2 waiting")
    alive = (State.WAITING, State.UNCERTAIN)
    assert relay.did == [("retry", Which(profile="support", cause="greylisted", states=alive))]


async def test_what_a_person_held_is_released() -> None:
    relay = FakeRelay(running(), [mail(1, line(state=State.HELD)), mail(2, line(state=State.HELD))])
    async with _At(relay) as terminal:
        await terminal.press("g")
        await terminal.see("Held by hand")
        await terminal.press("a")
        await terminal.see("2 recipients will be tried now.", "No mail waits for anything")
    assert relay.did == [("release", Which(profile="support", cause="hold"))]


async def test_a_route_that_had_stopped_for_the_cause_goes_on() -> None:
    relay = FakeRelay(_STOPPED, [mail(3, line(error=EXPIRED), profile="backup")])
    async with _At(relay) as terminal:
        await terminal.see("backup: delivery stopped")
        await terminal.press("g")
        await terminal.see("1 waiting")
        await terminal.press("a")
        await terminal.see("backup: delivery goes on.")
        await terminal.gone("delivery stopped")
    assert relay.did[-1] == ("resume", "backup")


async def test_what_was_given_up_is_tried_again_only_after_a_question() -> None:
    relay = FakeRelay(running(), [mail(1, line(state=State.DEAD, error=EXPIRED))])
    async with _At(relay) as terminal:
        await terminal.press("g")
        await terminal.see("1 dead")
        await terminal.press("a")
        await terminal.see("Try again what was given up?", "The senders were told")
        await terminal.press("y")
        await terminal.see("1 recipient will be tried now.")
    assert relay.did == [("retry", Which(profile="support", cause="auth-refused", states=(State.DEAD,)))]


async def test_enter_on_a_cause_shows_its_mails() -> None:
    async with _At(_relay()) as terminal:
        await terminal.press("g")
        await terminal.see("2 waiting")
        await terminal.press("enter")
        await terminal.see("1 mail · only waiting, support, greylisted")
        await terminal.press("g")
        await terminal.see("What mail waits for")
        await terminal.press("g")
        await terminal.see("1 mail")


# --- many


async def test_ten_thousand_are_loaded_as_one_goes_down() -> None:
    relay = FakeRelay(running(), [mail(n, line(address=f"u{n}@example.org")) for n in range(10_000)])
    async with _At(relay) as terminal:
        await terminal.see("the first 200 mails, more as you go down", "u0@example.org")
        await terminal.press("end")
        await terminal.see("u199@example.org", "the first 400 mails")
        await terminal.press("end")
        await terminal.see("u399@example.org")
        await terminal.press("home")
        await terminal.see("u0@example.org")


async def test_the_list_follows_the_queue_and_the_selection_stays_on_its_mail() -> None:
    relay = _relay()
    async with _At(relay) as terminal:
        await terminal.press("down")
        del relay.mails[0]
        await terminal.see("5 mails")
        held = relay.mails[0].id
        await terminal.press("l")
        await terminal.see("Released:")
    assert relay.did == [("release", Which(ids=(held,)))]
