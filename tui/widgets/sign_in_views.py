"""What the sign-in screen shows: a code for another device, an address for a browser, who signed in.

Values only: nothing here asks anybody, and no token or secret ever comes this far. An address of
the authority is text, never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Input, Static

from transports.base import Status
from tui.widgets.finding import pairs

if TYPE_CHECKING:
    from outmail.engine.signin import BrowserWanted, CodeShown, Way
    from store.profiles import Profile


class State(Enum):
    """Where the sign-in stands."""

    ASKING = auto()  # the authority, for a code, an address or a token
    CODE = auto()
    ENDED = auto()  # the code did
    BROWSER = auto()
    REDEEMING = auto()  # the browser's answer was pasted
    DIFFERS = auto()  # another account signed in
    FAILED = auto()
    DONE = auto()


LEAST_TEXT = 42
"""Cells that the words beside a QR code need."""

KEY_STYLE = "bold $footer-key-foreground"
KEYS: Mapping[Way, str] = {"device": "d", "browser": "b", "app": "a"}
_WAYS: Mapping[Way, str] = {
    "device": "a code on another device",
    "browser": "sign in by browser",
    "app": "app-only, without a person",
}


def link(address: str) -> Content:
    """An address that stands out, and that a terminal may open where it knows how (OSC 8)."""
    shown = Content.styled(address, "bold $text-accent")
    return shown.stylize(Style(link=address)) if address.startswith(("https://", "http://")) else shown


class Marked(Horizontal):
    """A number or a key, and words beside it that wrap in their own column."""

    def __init__(self, mark: str, words: str, style: str, *, dim: bool = False, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._mark = Content.styled(mark, "dim" if dim else style)
        self._words = Content.styled(words, "dim" if dim else "")

    def compose(self) -> ComposeResult:
        """Two columns."""
        yield Static(self._mark, markup=False, classes="marked-mark")
        yield Static(self._words, markup=False, classes="marked-words")


def numbered(number: int, text: str) -> Marked:
    """A step that the person takes."""
    return Marked(str(number), text, "bold $text-primary", classes="sign-in-step")


class OtherWays(Vertical):
    """How else this profile may sign in, each with its key, or why it may not."""

    def __init__(self, question: str, ways: Mapping[Way, str]) -> None:
        super().__init__(classes="other-ways")
        self._question, self._ways = question, ways

    def compose(self) -> ComposeResult:
        """The question, and a row for each way."""
        if self._question:
            yield Static(Content.styled(self._question, "$muted"), markup=False)
        for way, why_not in self._ways.items():
            words = f"{_WAYS[way]}: {why_not}" if why_not else _WAYS[way]
            yield Marked(KEYS[way], words, KEY_STYLE, dim=bool(why_not))


class Picture(Static):
    """A QR code, dark on light whatever the terminal's colours are; it takes no room where it does not fit.

    The layout itself decides that. Textual may lose the Resize of a widget that is new, so what waits
    for one is sometimes never shown.
    """

    ALLOW_SELECT = False

    def __init__(self, text: str) -> None:
        from outmail.engine import qr

        try:
            self.rows = qr.rows(text)
        except ValueError:  # longer than any code holds
            self.rows = ()
        shown = (Content.styled(row, "#000000 on #ffffff") for row in self.rows)
        super().__init__(Content("\n").join(shown), markup=False, id="qr")

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All of it, or nothing where it leaves too little to the words or cannot be drawn as it is."""
        plain = self.app.no_color or self.app.has_class("-plain")
        if plain or not self.rows or container.height < len(self.rows):
            return 0
        width = len(self.rows[0])
        return width if container.width - width >= LEAST_TEXT else 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the code has."""
        return len(self.rows) if width else 0


class Waiting(Widget):
    """A view in which something may go wrong without ending anything."""

    trouble = ""

    def tell(self, words: str) -> None:
        """Say what did not work, in sight."""
        self.trouble = words
        for line in self.query(TroubleLine):
            line.tell(words)
            self.call_after_refresh(line.scroll_visible, animate=False)


class TroubleLine(Horizontal):
    """What did not work; it takes no room while all goes well."""

    def __init__(self, words: str) -> None:
        super().__init__(classes="trouble")
        self._words = Static("", markup=False, classes="marked-words")
        self.tell(words)

    def compose(self) -> ComposeResult:
        """A mark, and the words in a column of their own."""
        yield Static("!", markup=False, classes="marked-mark")
        yield self._words

    def tell(self, words: str) -> None:
        """Show this."""
        self.display = bool(words)
        self._words.update(Content(words))


class CodeView(Horizontal, Waiting):
    """The address to open on any device, the code to type there, and a QR code of the address."""

    def __init__(
        self,
        event: CodeShown,
        account: str,
        ways: Mapping[Way, str],
        trouble: str = "",
        *,
        ended: bool = False,
    ) -> None:
        super().__init__(classes="sign-in-view")
        self._code, self._account, self._ways, self._ended = event.code, account, ways, ended
        self.trouble = trouble

    def compose(self) -> ComposeResult:
        """Words at the left, the picture at the right."""
        code = self._code
        with VerticalScroll(classes="sign-in-words", can_focus=False):
            yield numbered(1, "Open on any device with a browser")
            yield Static(link(code.verification_uri), markup=False, classes="sign-in-address")
            yield numbered(2, "Type this code there")
            spaced = " ".join(code.user_code)
            style = "dim strike" if self._ended else "bold"
            yield Static(Content.styled(spaced, style), markup=False, id="user-code")
            if self._account:
                yield numbered(3, f"Sign in as {self._account}")
            yield TroubleLine(self.trouble)
            yield OtherWays('Browser says "no access" or 53003?', self._ways)
        if not self._ended:
            yield Picture(code.verification_uri_complete or code.verification_uri)


class BrowserView(VerticalScroll, Waiting, can_focus=False):
    """The address to open, how the browser comes back, and a field for the address it ended on."""

    def __init__(
        self, event: BrowserWanted, account: str, ways: Mapping[Way, str], trouble: str = ""
    ) -> None:
        super().__init__(classes="sign-in-view")
        self._event, self._account, self._ways = event, account, ways
        self.trouble = trouble

    def compose(self) -> ComposeResult:
        """Three steps; the address begins at the edge, so that a mouse marks it whole."""
        event = self._event
        yield numbered(1, "Open this address in any browser (u copies it)")
        yield Static(link(event.url), markup=False, id="open-this")
        yield numbered(2, f"Sign in as {self._account}" if self._account else "Sign in")
        yield from self._way_back()
        yield Static("", markup=False)
        mark = "?" if event.listening else "."
        yield numbered(3, f"Its last page does not open{mark} Paste the whole address of that page:")
        yield Input(placeholder=f"{event.redirect_url}/?code=…", compact=True, id="ended-on")
        yield TroubleLine(self.trouble)
        yield OtherWays("", self._ways)

    def _way_back(self) -> Iterable[Widget]:
        if self._event.listening:  # else the trouble line tells why not
            first = "Browser on another machine? First run this there (l copies it):"
            yield Static(Content.styled(first, "$muted"), markup=False, classes="sign-in-note")
            # At the edge, as the address: a mouse marks it whole, without the blanks before it.
            yield Static(Content.styled(self._event.ssh_line, "$text-accent"), markup=False)


def headline(state: State, left: float, account: str, listening: str = "") -> tuple[Status, str]:
    """How it stands in a line, with the key that comes next; `left` seconds until the code ends.

    `listening` is the address at which the browser is awaited, "" where nobody listens.
    """
    seconds = max(0, int(left))
    words = {
        State.ASKING: (Status.RUNNING, "asking the authority"),
        State.CODE: (Status.RUNNING, f"waiting: the code ends in {seconds // 60:02}:{seconds % 60:02}"),
        State.ENDED: (Status.WARN, "the code has ended: n shows a new one"),
        State.BROWSER: (
            Status.RUNNING,
            f"waiting for the browser on {listening}" if listening else "waiting for the pasted address",
        ),
        State.REDEEMING: (Status.RUNNING, "asking the authority for the token"),
        State.DIFFERS: (Status.FAIL, "another account signed in, and nothing was kept"),
        State.FAILED: (Status.FAIL, "not signed in: r tries again"),
        State.DONE: (Status.PASS, f"signed in{f' as {account}' if account else ''}: Enter goes on"),
    }
    return words[state]


def copyable(
    what: str, state: State, code: CodeShown | None, browser: BrowserWanted | None, report: str
) -> tuple[str, str] | None:
    """What a key copies now and what it is called: code, address, line (ssh) or report; None for nothing."""
    match what, state:
        case "code", State.CODE if code:
            return code.code.user_code, "The code"
        case "address", State.CODE if code:
            return code.code.verification_uri, "The address"
        case "address", State.BROWSER if browser:
            return browser.url, "The address"
        case "line", State.BROWSER if browser and browser.listening:
            return browser.ssh_line, "The ssh command"
        case "report", State.FAILED if report:
            return report, "It"
    return None


def done_rows(account: str, until: datetime, before: Profile, after: Profile) -> list[tuple[str, str]]:
    """Who signed in, until when, and what of the profile is different now."""
    mailbox = before.auth.username or ""
    shared = bool(mailbox and account) and mailbox.lower() != account.lower()
    changed = before.auth.oauth != after.auth.oauth
    rows = [
        ("Account", account or "the app itself: no person is needed"),
        ("Sends for", mailbox if shared else ""),
        ("Token", f"good until {until.astimezone():%Y-%m-%d %H:%M}; the next is fetched by itself"),
        ("Profile", "signs in this way from now on" if changed else ""),
    ]
    return [(label, text) for label, text in rows if text]


def both_names(got: str, wanted: str) -> Iterable[Widget]:
    """Who signed in and who should have, and the two ways on."""
    yield from pairs([("Signed in", got), ("Profile", f"is for {wanted}")])
    yield Vertical(
        Marked("m", f"{got} signs in for the shared mailbox {wanted}", KEY_STYLE),
        Marked("r", f"sign in again, as {wanted}; a private window knows nobody yet", KEY_STYLE),
        classes="other-ways",
    )
