"""A known failure as an admin reads it: what happened, why, what to do, and the exact command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from outmail.diagnosis.finding import Finding

_WHO = {
    "you": "you can mend this",
    "the mail server's admin": "the mail server's admin must mend this",
    "the tenant's admin": "the tenant's admin must mend this",
    "the provider": "the provider must mend this",
}


class Pair(Horizontal):
    """A label and a text beside it; the text wraps in its own column and is never read as markup."""

    def __init__(self, label: str, text: str | Content, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._label = label
        self._text = Content(text) if isinstance(text, str) else text

    def compose(self) -> ComposeResult:
        """Two columns."""
        yield Static(self._label, markup=False, classes="pair-label")
        yield Static(self._text, markup=False, classes="pair-text")


class FindingView(Vertical):
    """Draws one finding; `words` are the server's own, shown last where the finding does not quote them."""

    def __init__(self, finding: Finding, words: str = "") -> None:
        super().__init__()
        self.finding = finding
        self._words = words

    def compose(self) -> ComposeResult:
        """Title, cause, remedy, commands, where to click, who can do it."""
        found = self.finding
        yield Static(Content(found.title), markup=False, classes="finding-title")
        yield from pairs(finding_rows(found, self._words))


def finding_rows(finding: Finding, words: str = "") -> list[tuple[str, str]]:
    """The finding as label and text, the empty ones left out; the report to copy uses the same."""
    rows = [("Why", finding.cause), ("Do this", finding.remedy)]
    rows += [("Run", command) for command in finding.commands]
    rows += [
        ("Where", finding.where),
        ("Who", _WHO.get(finding.who, finding.who)),
        ("Read", finding.docs),
        ("It said", words),
    ]
    return [(label, text) for label, text in rows if text]


def pairs(rows: Sequence[tuple[str, str]]) -> Iterable[Pair]:
    """A row for each label and text; remedy and commands stand out."""
    for label, text in rows:
        kind = {"Do this": "pair-remedy", "Run": "pair-command"}.get(label, "")
        yield Pair(label, text, classes=kind)
