"""A sign-in as it is told on a plain terminal and, one JSON object a line, to scripts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.ladder import finding_lines
from outmail.engine.report import finding_json
from outmail.engine.signin import BrowserWanted, CodeShown, Event, SignedIn, Trouble

if TYPE_CHECKING:
    from outmail.diagnosis.finding import Finding
    from transports.base import Failure


class JsonLines:
    """The contract's lines on stdout; user codes only, never a token."""

    def __init__(self, profile: str) -> None:
        self._profile = profile

    def __call__(self, event: Event) -> None:
        """Print one event."""
        match event:
            case CodeShown():
                self._line(
                    "code",
                    {
                        "verification_uri": event.code.verification_uri,
                        "verification_uri_complete": event.code.verification_uri_complete or None,
                        "user_code": event.code.user_code,
                        "expires_in": round(event.code.expires_in),
                    },
                )
            case BrowserWanted():
                self._line(
                    "browser",
                    {
                        "authorization_url": event.url,
                        "redirect_url": event.redirect_url,
                        "listening": event.listening,
                        "ssh": event.ssh_line,
                    },
                )
            case Trouble():
                self._line("waiting", {"detail": event.words})
            case SignedIn():
                self._line(
                    "signed-in",
                    {
                        "account": event.account or None,
                        "profile": self._profile,
                        "until": _stamp(event.until),
                    },
                )

    def failed(self, failure: Failure, finding: Finding) -> None:
        """Print the line that ends a sign-in which did not work."""
        self._line(
            "failed",
            {"error": finding.title, "answer": failure.words, "diagnosis": finding_json(finding)},
        )

    def refused(self, what: str, why: str, remedy: str) -> None:
        """Print the line that ends a sign-in which could not begin, or not be kept."""
        self._line("failed", {"error": f"{what}: {why}", "answer": "", "remedy": remedy, "diagnosis": None})

    def _line(self, event: str, fields: Mapping[str, object]) -> None:
        say.result_json({"event": event, **fields})
        sys.stdout.flush()


class PlainLines:
    """For the person who reads it: what to open, what to type, and what came of it."""

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._said = ""

    def __call__(self, event: Event) -> None:
        """Print one event."""
        match event:
            case CodeShown():
                self._code(event)
            case BrowserWanted():
                self._browser(event)
            case Trouble():
                if event.words != self._said:  # the same trouble at every poll is said once
                    say.talk(f"  still waiting: {event.words}")
                self._said = event.words
            case SignedIn():
                who = f"signed in as {event.account}" if event.account else "signed in"
                say.result(f"{self._profile}: {who}")

    def failed(self, failure: Failure, finding: Finding) -> None:
        """Explain why it did not work."""
        if not sys.stderr.isatty():
            return
        say.talk(f"{'✗' if say.can_show('✗', sys.stderr) else 'x'} not signed in")
        for line in finding_lines(finding, 2):
            say.talk(line)
        if failure.words:
            for line in say.paragraph("said", failure.words, 2):
                say.talk(line)

    def refused(self, what: str, why: str, remedy: str) -> None:
        """Say nothing: the error's own lines follow."""

    def _code(self, event: CodeShown) -> None:
        code = event.code
        self._picture(code.verification_uri_complete or code.verification_uri)
        say.talk("On any device with a browser:")
        say.talk(f"  1  open   {code.verification_uri}")
        say.talk(f"  2  enter  {code.user_code}")
        say.talk("")
        say.talk(f"Waiting for you until {_clock(event.until)}. Ctrl-C stops.")
        say.talk('The browser says "no access" or 53003? Press Ctrl-C, and sign in by browser:')
        say.talk(f"  outmail signin {self._profile} --way browser")

    def _picture(self, text: str) -> None:
        if not say.lively(sys.stderr):
            return
        from outmail.engine import qr

        rows = qr.rows(text)
        if say.can_show("".join(rows), sys.stderr):
            for row in rows:
                say.talk(row)

    def _browser(self, event: BrowserWanted) -> None:
        say.talk("Open this address in a browser and sign in:")
        say.talk("")
        say.talk(event.url)  # whole on one line, however long: it is to be copied
        say.talk("")
        if event.listening:
            say.talk(
                f"The browser comes back to {event.redirect_url}. From another machine, first run there:"
            )
            say.talk(f"  {event.ssh_line}")
            say.talk("or, when the browser cannot open that page, copy its whole address and")
        else:
            say.talk(
                f"The browser ends on {event.redirect_url}…, which it cannot open. Copy its whole address and"
            )
        say.talk("paste it here, and press Enter (Ctrl-C stops):")


def _clock(when: datetime) -> str:
    return when.astimezone().strftime("%H:%M:%S")


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
