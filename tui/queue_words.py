"""The queue as lines and texts for its screens; pure functions of values.

What a server said is shown as it was, in a column of its own, and never as our own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.content import Content

from outmail.diagnosis.finding import Finding
from outmail.engine import queue_words
from store.spool_shapes import Cause, Entry, LastError, Line, State, Which
from transports.base import Status
from tui.theme import COLOURS, MARKS
from tui.widgets.finding import finding_rows
from tui.widgets.rows import Cell

MOST_RECIPIENTS = 100
"""Recipients of one mail that are shown; a list's mail may have thousands."""

_DAY = timedelta(hours=20)
_LOOKS = {
    State.WAITING: None,
    State.SENDING: Status.RUNNING,
    State.UNCERTAIN: Status.WARN,
    State.HELD: Status.WARN,
    State.DEAD: Status.FAIL,
    State.SENT: Status.PASS,
}


def state_cell(state: State) -> Content:
    """A mark and the word."""
    look = _LOOKS[state]
    return Content.styled(f"{MARKS[look]} {state.value}", COLOURS[look])


def mail_cells(entry: Entry, now: datetime, *, stands: bool = False) -> tuple[Cell, ...]:
    """One mail as a line: state, next attempt, to, why, from, profile, size, id.

    `stands` is whether its profile's delivery is paused: then the next attempt is no time of day.
    """
    left = [r for r in entry.recipients if r.state is not State.SENT]
    dues = [r.due for r in left if r.due is not None]
    line = queue_words.lead(entry)
    more = f" +{len(left) - 1}" if len(left) > 1 else ""
    return (
        state_cell(entry.state),
        ("paused" if stands else moment(min(dues), now)) if dues else "",
        (left[0].address if left else "") + more,
        queue_words.why(line) if line else "",
        entry.sender or "(bounce)",
        entry.profile,
        size(entry.size),
        entry.id,
    )


def moment(when: datetime, now: datetime) -> str:
    """The time of day, with the day where it is far; "now" for what is due."""
    if when <= now:
        return "now"
    local = when.astimezone()
    return f"{local:%H:%M}" if when - now < _DAY else f"{local:%a %H:%M}"


def size(octets: int) -> str:
    """In KB or MB, for people."""
    if octets < 1000:
        return f"{octets} B"
    return f"{octets / 1000:.0f} KB" if octets < 1_000_000 else f"{octets / 1_000_000:.1f} MB"


def text_of(entry: Entry) -> str:
    """What a search looks in: addresses, id, profile, and the servers' answers; in lower case."""
    parts = [entry.sender, entry.id, entry.profile, entry.origin]
    for line in entry.recipients:
        parts += [line.address, line.last_error.text if line.last_error else ""]
    return "\n".join(parts).casefold()


def summary(shown: int, loaded: int, *, whole: bool, which: Which, search: str) -> str:
    """Which mails are in the list, and which not."""
    count = f"{loaded} mails" if loaded != 1 else "1 mail"
    if not whole:
        count = f"the first {loaded} mails, more as you go down"
    if search:
        count = f"{shown} of {count} with “{search}”"
    chosen = [*(state.value for state in which.states or ()), *filter(None, (which.profile, which.cause))]
    return count + (f" · only {', '.join(chosen)} (Esc shows all)" if chosen else "")


# --- one mail


def mail_rows(entry: Entry) -> list[tuple[str, str]]:
    """What is known of the mail as a whole."""
    rows = [
        ("State", entry.state.value),
        ("From", entry.sender or "nobody: it is a bounce"),
        ("Accepted", f"{entry.accepted.astimezone():%Y-%m-%d %H:%M:%S}, {entry.origin}"),
        ("Profile", entry.profile),
        ("Size", f"{entry.size} bytes"),
        ("Id", entry.id),
        ("Envelope id", entry.envid),
    ]
    return [(label, text) for label, text in rows if text]


def recipient_rows(line: Line, now: datetime, told: str = "") -> list[tuple[str, str]]:
    """One recipient: its state, what was tried, what comes next, and the server's last words.

    `told` is what is explained beneath, and need not be said twice.
    """
    attempts = f"{line.attempts} so far" if line.attempts else "none so far"
    crashes = f"; the relay broke down {line.crashes} times with it" if line.crashes else ""
    due = ""
    if line.due is not None:
        due = "now" if line.due <= now else f"{line.due.astimezone():%Y-%m-%d %H:%M}"
    error = line.last_error
    codes = " ".join(filter(None, (error.code, error.enhanced))) if error else ""
    said, why = error.text if error else "", queue_words.why(line)
    rows = [
        ("State", f"{line.state.value} since {line.since.astimezone():%Y-%m-%d %H:%M}"),
        ("Why", why if why != told else ""),
        ("Attempts", attempts + crashes),
        ("Next", due),
        ("It said", said if not codes or codes in said or said.startswith(codes[:3]) else f"{codes} {said}"),
    ]
    return [(label, text) for label, text in rows if text]


# --- by cause


@dataclass(frozen=True, slots=True)
class Group:
    """All recipients of a profile that stand for one cause; `given_up` are apart from those that wait."""

    cause: str
    profile: str
    given_up: bool
    count: int
    states: tuple[tuple[State, int], ...]
    example: LastError | None

    @property
    def key(self) -> str:
        """What it is recognised by."""
        return f"{self.given_up}/{self.profile}/{self.cause}"

    @property
    def title(self) -> str:
        """The cause in words."""
        return queue_words.title(self.cause, self.example)

    def number(self, state: State) -> int:
        """How many are in this state."""
        return dict(self.states).get(state, 0)


def groups(causes: Iterable[Cause]) -> list[Group]:
    """The causes by profile, those that wait before those that were given up, the most frequent first."""
    found: dict[tuple[str, str, bool], list[Cause]] = {}
    for cause in causes:
        found.setdefault((cause.cause, cause.profile, cause.state is State.DEAD), []).append(cause)
    made = [
        Group(
            name,
            profile,
            given_up,
            sum(c.recipients for c in parts),
            tuple((c.state, c.recipients) for c in parts),
            next((c.example for c in parts if c.example), None),
        )
        for (name, profile, given_up), parts in found.items()
    ]
    return sorted(made, key=lambda g: (g.given_up, -g.count, g.profile, g.cause))


def group_cells(group: Group) -> tuple[Cell, ...]:
    """One cause as a line: how many, in which states, profile, what it is."""
    states = ", ".join(f"{n} {state.value}" for state, n in group.states)
    look = Status.FAIL if group.given_up else Status.WARN
    return str(group.count), Content.styled(states, COLOURS[look]), group.profile, group.title


def group_rows(group: Group, finding: Finding | None) -> list[tuple[str, str]]:
    """The cause in full: what happened, why, the remedy, and which key follows the remedy."""
    rows = finding_rows(finding) if finding else []
    rows.append(("It said", group.example.text if group.example else ""))
    key = (
        "a tries all of it again"
        if not group.given_up
        else "a tries all of it once more; you are asked first"
    )
    return [(label, text) for label, text in rows if text] + [("Then", f"once it is mended, {key}.")]


# --- what was done


def did(count: int, what: str, nothing: str) -> str:
    """ "3 recipients will be tried now.", or why nothing was changed."""
    return f"{count} recipient{'' if count == 1 else 's'} {what}." if count else nothing


TRIED = "will be tried now"
TRIED_LATER = "will be tried as soon as delivery goes on: it is paused, and p at home resumes it"
TRIED_ONCE = "will be tried as soon as a relay runs: outmail relay"
HELD = "will not be sent until l releases them"


def ids(entries: Sequence[Entry]) -> Which:
    """These mails."""
    return Which(ids=tuple(entry.id for entry in entries))
