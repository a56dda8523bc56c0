"""A relay and its queue by script, with the real shapes; no socket, no disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from outmail.engine.relay_status import Pause, RelayStatus, RouteStatus
from store.errors import StoreError
from store.paths import Paths
from store.spool import EVERYTHING
from store.spool_ids import MailId, encode
from store.spool_shapes import COUNTED, Cause, Counts, Entry, LastError, Line, State, Which

T = TypeVar("T")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ANSWER = "451 4.7.1 Greylisted, try again in five minutes"
GREY = LastError(ANSWER, "451", "4.7.1", "recipient", "retry", "greylisted")
EXPIRED = LastError(
    "535 5.7.8 Authentication failed", "535", "5.7.8", "sign-in", "fix-settings", "auth-refused"
)
HEADERS = "From: cron@example.org\nTo: you@example.org\nSubject: the nightly report\n"


def line(
    number: int = 1, state: State = State.WAITING, address: str = "you@example.org", **more: object
) -> Line:
    """One recipient."""
    error = more.get("error")
    assert error is None or isinstance(error, LastError)
    return Line(
        number,
        address,
        state,
        NOON - timedelta(minutes=30),
        int(str(more.get("attempts", 2 if error else 0))),
        0,
        NOON + timedelta(minutes=5) if state is State.WAITING else None,
        "smtp.example.org:587" if state is State.UNCERTAIN else "",
        error,
        error.cause if error else ("hold" if state is State.HELD else ""),
        "by ada" if state is State.HELD else "",
    )


def mail(number: int, *lines: Line, profile: str = "support", sender: str = "cron@example.org") -> Entry:
    """One mail."""
    return Entry(
        encode((number + 1) << 40),
        profile,
        sender,
        1234 * (number + 1),
        NOON - timedelta(minutes=40 - number % 40),
        "smtp 127.0.0.1",
        False,
        False,
        "",
        "",
        lines or (line(),),
    )


def some_mails() -> list[Entry]:
    """One of each sort."""
    return [
        mail(0, line(error=GREY), line(2, address="boss@example.org", error=GREY)),
        mail(1, line(state=State.HELD, address="all@example.org")),
        mail(2, line(state=State.DEAD, address="nobody@example.org", error=replace(GREY, diagnosis=""))),
        mail(3, line(error=EXPIRED), profile="backup", sender="root@localhost"),
        mail(
            4, line(state=State.UNCERTAIN, error=LastError("the connection was closed", verdict="uncertain"))
        ),
        mail(5),
    ]


def route(profile: str = "support", **more: object) -> RouteStatus:
    """A profile's way; through its primary."""
    plain = RouteStatus(profile, "smtp", "primary", "smtp.example.org:587")
    return replace(plain, **more)  # type: ignore[arg-type]


def away(profile: str = "support") -> RouteStatus:
    """It goes through the alternate."""
    return route(
        profile,
        active="alternate",
        address="smtp2.example.org:465",
        since=NOON - timedelta(minutes=58),
        reason="connection refused",
        mails=12,
    )


def running(*routes: RouteStatus, **more: object) -> RelayStatus:
    """A relay that runs since this morning."""
    quiet = RelayStatus(
        True,
        ("127.0.0.1:2525",),
        NOON - timedelta(hours=3),
        4711,
        "0.1",
        None,
        routes or (route(), route("backup", address="127.0.0.1:25")),
    )
    return replace(quiet, **more)  # type: ignore[arg-type]


def _made(found: dict[str, int]) -> Counts:
    waiting, sending, uncertain, held, dead = (found.get(state, 0) for state in COUNTED)
    return Counts(waiting, sending, uncertain, held, dead)


class FakeRelay:
    """Steering over mails in memory; `refuse` is raised by the next call, `did` says what was asked."""

    def __init__(self, status: RelayStatus | None = None, mails: Sequence[Entry] = ()) -> None:
        self.stands = status or RelayStatus(False)
        self.mails = list(mails)
        self.did: list[tuple[object, ...]] = []
        self.refuse: StoreError | None = None
        self.looked = 0

    # what the engine's seam asks

    def relay_runs(self, paths: Paths) -> bool:
        """By script."""
        self._maybe_refuse()
        return self.stands.running

    def steer(self, paths: Paths, profiles: Callable[[], object]) -> FakeRelay:
        """This one."""
        return self

    # Steering

    def status(self) -> RelayStatus:
        """As scripted, with the counts of the mails."""
        self._maybe_refuse()
        self.looked += 1
        return replace(self.stands, counts=self._counts())

    def page(self, which: Which = EVERYTHING, limit: int = 100, after: MailId | None = None) -> list[Entry]:
        """By the page."""
        self._maybe_refuse()
        found = [m for m in self.mails if self._lines(m, which) and (after is None or m.id > after)]
        return found[:limit]

    def show(self, mail: MailId) -> tuple[Entry, str]:
        """One."""
        self._maybe_refuse()
        return next(m for m in self.mails if m.id == mail), HEADERS

    def causes(self) -> list[Cause]:
        """As the store counts them."""
        self._maybe_refuse()
        found: dict[tuple[str, str, State], list[Line]] = {}
        for one in self.mails:
            for to in one.recipients:
                if to.cause:
                    found.setdefault((to.cause, one.profile, to.state), []).append(to)
        causes = [Cause(*key, len(lines), lines[0].last_error) for key, lines in found.items()]
        return sorted(causes, key=lambda c: -c.recipients)

    def hold(self, which: Which) -> int:
        """Hold."""
        return self._steer("hold", which, State.HELD, {State.WAITING, State.UNCERTAIN})

    def release(self, which: Which) -> int:
        """Release."""
        return self._steer("release", which, State.WAITING, {State.HELD})

    def retry(self, which: Which) -> int:
        """Retry."""
        return self._steer("retry", which, State.WAITING, {State.WAITING, State.UNCERTAIN, State.DEAD})

    def delete(self, mails: Sequence[MailId]) -> int:
        """Remove."""
        self._maybe_refuse()
        self.did.append(("delete", tuple(mails)))
        before = len(self.mails)
        self.mails = [m for m in self.mails if m.id not in mails]
        return before - len(self.mails)

    def pause(self, profile: str | None, why: str = "") -> list[str]:
        """Off."""
        self._maybe_refuse()
        self.did.append(("pause", profile, why))
        pause = Pause(NOON, "ada", why)
        if profile is None:
            self.stands = replace(self.stands, pause=pause)
            return [r.profile for r in self.stands.routes]
        self._each(profile, lambda r: replace(r, pause=pause))
        return [profile]

    def resume(self, profile: str | None) -> list[str]:
        """On."""
        self._maybe_refuse()
        self.did.append(("resume", profile))
        if profile is None:
            self.stands = replace(self.stands, pause=None)
        self._each(profile, lambda r: replace(r, pause=None))
        return [profile] if profile else [r.profile for r in self.stands.routes]

    def reconnect(self, profile: str | None) -> list[str]:
        """Back."""
        self._maybe_refuse()
        self.did.append(("reconnect", profile))
        back = [r.profile for r in self.stands.routes if r.away and profile in {None, r.profile}]
        for name in back:
            self._each(name, lambda r: route(r.profile))
        return back

    def reload(self) -> None:
        """Noted."""
        self._maybe_refuse()
        self.did.append(("reload",))

    def _each(self, profile: str | None, change: Callable[[RouteStatus], RouteStatus]) -> None:
        routes = tuple(change(r) if profile in {None, r.profile} else r for r in self.stands.routes)
        self.stands = replace(self.stands, routes=routes)

    def _steer(self, word: str, which: Which, to: State, of: set[State]) -> int:
        self._maybe_refuse()
        self.did.append((word, which))
        changed = 0
        for place, one in enumerate(self.mails):
            chosen = {r.number for r in self._lines(one, which) if r.state in of}
            changed += len(chosen)
            lines = tuple(
                replace(r, state=to, cause="hold" if to is State.HELD else "") if r.number in chosen else r
                for r in one.recipients
            )
            self.mails[place] = replace(one, recipients=lines)
        return changed

    @staticmethod
    def _lines(one: Entry, which: Which) -> list[Line]:
        if (which.ids is not None and one.id not in which.ids) or which.profile not in {None, one.profile}:
            return []
        return [
            r
            for r in one.recipients
            if (which.states is None or r.state in which.states) and which.cause in {None, r.cause}
        ]

    def _counts(self) -> Counts:
        parts: dict[str, dict[str, int]] = {}
        for one in self.mails:
            for to in one.recipients:
                found = parts.setdefault(one.profile, {})
                found[to.state.value] = found.get(to.state.value, 0) + 1
        whole: dict[str, int] = {}
        for found in parts.values():
            for state, n in found.items():
                whole[state] = whole.get(state, 0) + n
        by_profile = MappingProxyType({name: _made(found) for name, found in parts.items()})
        sent = self.stands.counts.sent
        return replace(_made(whole), sent=sent, by_profile=by_profile)

    def _maybe_refuse(self) -> None:
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error
