"""What the queue takes and gives: mails, their recipients, and what became of each; values only.

The store knows nothing of transports: what went wrong comes as plain text fields and goes back as such.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from store.errors import ErrorKind, StoreError
from store.spool_ids import MailId

if TYPE_CHECKING:
    from store.spool_bodies import Draft


class State(StrEnum):
    """Where one recipient of one mail stands."""

    WAITING = "waiting"  # for its time; any server of the profile may get it
    SENDING = "sending"  # given out by `take` and not settled yet
    UNCERTAIN = "uncertain"  # may have been taken already: only that server may be asked or tried again
    HELD = "held"  # until a person releases it
    SENT = "sent"  # the row goes with the last recipient of its mail
    DEAD = "dead"  # given up; kept until it is forgotten, retried or deleted


ALLOWED: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.WAITING: frozenset({State.SENDING, State.HELD}),
        State.SENDING: frozenset({State.WAITING, State.UNCERTAIN, State.HELD, State.SENT, State.DEAD}),
        State.UNCERTAIN: frozenset({State.SENDING, State.HELD}),
        State.HELD: frozenset({State.WAITING, State.UNCERTAIN}),
        State.DEAD: frozenset({State.WAITING}),
        State.SENT: frozenset(),
    }
)
"""Every change of state there is; anything else is refused."""


class IllegalChange(StoreError):  # noqa: N818 - the name says what happened
    """A change of state that the table does not know: a defect of ours, and nothing was changed."""

    def __init__(self, mail: MailId, old: str, new: str) -> None:
        super().__init__(
            ErrorKind.BAD_INPUT,
            f"mail {mail} was not changed",
            f"a recipient that is {old} cannot become {new}",
            "this is a defect of outmail: please report it",
        )


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient of the envelope, with what the sender asked of its notifications (RFC 3461)."""

    address: str
    notify: str = ""  # as in the command: "NEVER", or a comma list of SUCCESS, FAILURE, DELAY
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail to keep: its envelope, where it came from, and its bytes.

    `body` are the client's bytes, never changed; `head` are the trace headers of ours that stand in
    front when it is read. `accepted` is the present time in UTC. `sender` is "" for a bounce.
    """

    profile: str
    sender: str
    recipients: tuple[Addressee, ...]
    accepted: datetime
    body: bytes | Draft
    head: bytes = b""
    origin: str = ""  # for people: "smtp 127.0.0.1", "sendmail root"
    smtputf8: bool = False
    eight_bit: bool = False
    ret: str = ""  # RFC 3461: "FULL", "HDRS" or ""
    envid: str = ""


@dataclass(frozen=True, slots=True)
class LastError:
    """Why the last attempt at a recipient failed, in text fields; the engine gives them their meaning."""

    text: str
    code: str = ""
    enhanced: str = ""
    scope: str = ""
    verdict: str = ""
    diagnosis: str = ""

    @property
    def cause(self) -> str:
        """What mails that wait for the same thing have in common."""
        return self.diagnosis or "/".join(filter(None, (self.scope, self.verdict))) or "unknown"

    def dump(self) -> str:
        """As it stands in the database; half characters of a server's answer are replaced."""
        fields = [self.text, self.code, self.enhanced, self.scope, self.verdict, self.diagnosis]
        return json.dumps(fields, ensure_ascii=True)

    @staticmethod
    def parse(text: str | None) -> LastError | None:
        """What `dump` wrote; a damaged one is shown as it stands."""
        if not text:
            return None
        try:
            fields = json.loads(text)
            return LastError(*map(str, fields))
        except (ValueError, TypeError):
            return LastError(str(text))

    def to_json(self) -> dict[str, object]:
        """For other programs."""
        return {name: value or None for name, value in asdict(self).items()} | {"text": self.text}

    @staticmethod
    def from_json(found: Mapping[str, Any] | None) -> LastError | None:
        """What `to_json` told of one."""
        return LastError(**{name: value or "" for name, value in found.items()}) if found else None


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes of a mail as they lie in the queue: in its row (`body`) or in a file of their own."""

    head: bytes
    body: bytes | None
    file: Path | None
    size: int  # of head and body
    crc: int  # CRC-32 of the body, then the head


@dataclass(frozen=True, slots=True)
class Due:
    """A recipient that was given out: it is settled by its number."""

    number: int
    address: str
    notify: str = ""
    orcpt: str = ""
    attempts: int = 0  # before this one
    uncertain_at: str = ""  # the server that may have taken it already, and the only one to try
    uncertain_since: datetime | None = None
    delay_told: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One mail with those of its recipients that are to be sent now."""

    id: MailId
    profile: str
    sender: str
    recipients: tuple[Due, ...]
    accepted: datetime
    stored: Stored
    smtputf8: bool = False
    eight_bit: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one recipient of a job.

    `due` is the next attempt of one that waits or is uncertain; None there means: not by itself, only
    by `retry`. `server` is the one that may have taken an uncertain mail. `attempt` is False where the
    failure was of the sign-in or the settings, which burn none. `delay_told`: the sender heard of the
    delay, once and for all.
    """

    mail: MailId
    number: int
    state: State
    due: datetime | None = None
    error: LastError | None = None
    server: str = ""
    attempt: bool = True
    delay_told: bool = False


@dataclass(frozen=True, slots=True)
class Which:
    """Which recipients a command or a list is about: those that meet every field that is not None."""

    ids: tuple[MailId, ...] | None = None
    profile: str | None = None
    states: tuple[State, ...] | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail as `queue list` and `queue show` tell it."""

    id: MailId
    profile: str
    sender: str
    size: int
    accepted: datetime
    origin: str
    smtputf8: bool
    eight_bit: bool
    ret: str
    envid: str
    recipients: tuple[Line, ...]

    @property
    def state(self) -> State:
        """Of the whole mail: that of its recipients which needs a person's eye most."""
        present = {r.state for r in self.recipients}
        return next((s for s in _EYE if s in present), State.SENT)

    def to_json(self) -> dict[str, object]:
        """The fields of `queue list --json`, and the recipients one by one."""
        open_ones = [r for r in self.recipients if r.state is not State.SENT]
        dues = [r.due for r in open_ones if r.due is not None]
        errors = [r.last_error for r in open_ones if r.last_error is not None]
        return {
            "id": self.id,
            "profile": self.profile,
            "state": self.state.value,
            "from": self.sender,
            "to": [r.address for r in open_ones],
            "size": self.size,
            "attempts": max((r.attempts for r in open_ones), default=0),
            "next_attempt": min(dues).isoformat() if dues else None,
            "last_error": errors[0].text if errors else None,
            "accepted": self.accepted.isoformat(),
            "origin": self.origin,
            "smtputf8": self.smtputf8,
            "8bit": self.eight_bit,
            "ret": self.ret,
            "envid": self.envid,
            "recipients": [r.to_json() for r in self.recipients],
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Entry:
        """What `to_json` told of one, by another process."""
        return Entry(
            found["id"],
            found["profile"],
            found["from"],
            found["size"],
            datetime.fromisoformat(found["accepted"]),
            found["origin"],
            found["smtputf8"],
            found["8bit"],
            found["ret"],
            found["envid"],
            tuple(Line.from_json(line) for line in found["recipients"]),
        )


_EYE = (State.UNCERTAIN, State.HELD, State.SENDING, State.WAITING, State.DEAD)


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient as the lists tell it."""

    number: int
    address: str
    state: State
    since: datetime  # when it came into this state
    attempts: int
    crashes: int
    due: datetime | None
    uncertain_at: str
    last_error: LastError | None
    cause: str
    held_why: str = ""
    notify: str = ""
    orcpt: str = ""
    uncertain_since: datetime | None = None  # when that server may have taken it

    def to_json(self) -> dict[str, object]:
        """For other programs."""
        return {
            "number": self.number,
            "address": self.address,
            "state": self.state.value,
            "since": self.since.isoformat(),
            "attempts": self.attempts,
            "crashes": self.crashes,
            "next_attempt": self.due.isoformat() if self.due else None,
            "uncertain_at": self.uncertain_at or None,
            "uncertain_since": self.uncertain_since.isoformat() if self.uncertain_since else None,
            "held_because": self.held_why or None,
            "cause": self.cause or None,
            "notify": self.notify,
            "orcpt": self.orcpt,
            "last_error": self.last_error.to_json() if self.last_error else None,
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Line:
        """What `to_json` told of one."""
        return Line(
            found["number"],
            found["address"],
            State(found["state"]),
            datetime.fromisoformat(found["since"]),
            found["attempts"],
            found["crashes"],
            _moment(found["next_attempt"]),
            found["uncertain_at"] or "",
            LastError.from_json(found["last_error"]),
            found["cause"] or "",
            found["held_because"] or "",
            found["notify"],
            found["orcpt"],
            _moment(found["uncertain_since"]),
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Cause:
    """How many recipients of a profile stand in a state for the same cause, with one of their errors."""

    cause: str
    profile: str
    state: State
    recipients: int
    example: LastError | None

    def to_json(self) -> dict[str, object]:
        """For other programs."""
        return {
            "cause": self.cause,
            "profile": self.profile,
            "state": self.state.value,
            "recipients": self.recipients,
            "example": self.example.to_json() if self.example else None,
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Cause:
        """What `to_json` told of one."""
        example = LastError.from_json(found["example"])
        return Cause(found["cause"], found["profile"], State(found["state"]), found["recipients"], example)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many recipients (not mails) there are in each state; `sent` since the queue was begun."""

    waiting: int = 0
    sending: int = 0
    uncertain: int = 0
    held: int = 0
    dead: int = 0
    sent: int = 0
    by_profile: Mapping[str, Counts] = field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, int]:
        """The states of the contract's `status --json`."""
        return {state: getattr(self, state) for state in COUNTED}


COUNTED = ("waiting", "sending", "uncertain", "held", "dead")
"""What of a queue is counted for people, in this order."""
