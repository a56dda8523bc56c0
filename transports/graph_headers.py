"""Which header fields a mail keeps when it goes out through Graph in parts: a table, and who reads it.

A JSON draft can set few of them (providers' facts: no standard field beyond those below, and five names that
begin with x-). A field that other programs act on must never be lost without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transports.mime_parameters import decoded, text_of
from transports.mime_structure import Unfit

MOST_X_HEADERS = 5
"""internetMessageHeaders of a message (InvalidInternetMessageHeaderCollection above it)."""

_LONGEST_X_VALUE = 900  # letters
_SET = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "subject",
        "message-id",
        "importance",
        "x-priority",
        "x-msmail-priority",
        "priority",
        "disposition-notification-to",
        "return-receipt-to",
        "mime-version",
    }
)
"""What the draft's own properties carry, and what Graph writes anew without a difference."""

_RULES = {
    "auto-submitted": "answers by machines to machines would begin (RFC 3834)",
    "precedence": "holiday answers would go to a list",
    "in-reply-to": "the conversation would be torn apart",
    "references": "the conversation would be torn apart",
    "dkim-signature": "the signature would be lost (RFC 6376)",
    "sensitivity": "a private mail would be shown as any other",
    "resent-from": "nobody would see who sent it on",
    "resent-to": "nobody would see to whom it was sent on",
    "tls-required": "the wish for how it travels would be lost (RFC 8689)",
    "require-recipient-valid-since": "a later owner of the address would get it (RFC 7293)",
}
"""Fields that change how other programs treat a mail, and what would become of it without them."""

_FAMILIES = {
    "list-": "readers could not leave the list, and filters not know it (RFC 2369, RFC 8058)",
    "arc-": "the seals would be lost (RFC 8617)",
    "resent-": "nobody would see that it was sent on",
}
_HARMLESS = {
    ("auto-submitted", "no"),
    ("precedence", "normal"),
    ("precedence", "first-class"),
    ("sensitivity", "normal"),
}
"""Values that say what would be so without the field."""

_FIRST = ("x-auto-response-suppress",)  # Exchange acts on it
_LAST = ("x-mailer", "x-originating-ip")
_X_PRIORITY = {"1": "high", "2": "high", "4": "low", "5": "low"}
_IMPORTANCE = {"high": "high", "low": "low", "urgent": "high", "non-urgent": "low"}


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a mail's header a draft can carry: x- fields, and the names of those that go."""

    x_headers: tuple[tuple[str, str], ...]
    lost: tuple[str, ...]


def sort_out(header: Iterable[tuple[str, bytes]]) -> Kept:
    """Decide each field of a header. Raises Unfit (5.6.3, RFC 3463) for one that programs act on.

    Date is lost (Graph writes the time of sending), and so is each trace field (Received, Return-Path,
    Authentication-Results): programs find loops by them and nothing else, and Exchange counts by its own.
    Of the x- fields those that Exchange acts on come first, then as they stand; each name once, since that
    is all that Graph takes, and none of Exchange's own (x-ms-exchange-), which it lets no client set.
    """
    x_headers: dict[str, tuple[str, str]] = {}
    lost: dict[str, str] = {}
    for name, raw in header:
        small = name.lower()
        if small in _SET or small.startswith("content-"):
            continue
        value = text_of(raw)
        if (small, value.partition(";")[0].strip().lower()) in _HARMLESS:
            continue
        why = _RULES.get(small) or next((w for start, w in _FAMILIES.items() if small.startswith(start)), "")
        if why:
            raise Unfit(
                f"it is too large for Graph in one piece, and in parts it loses {name[:80]}: {why}",
                name[:80],
                "5.6.3",
            )
        shown = decoded(value)
        ours = small.startswith("x-") and not small.startswith("x-ms-exchange-")
        fits = ours and 0 < len(shown) <= _LONGEST_X_VALUE and shown.isprintable()
        if fits and small not in x_headers:
            x_headers[small] = (name, shown)
        else:
            lost.setdefault(small, name)
    ranked = sorted(x_headers, key=lambda small: (small in _LAST) - (small in _FIRST))
    for small in ranked[MOST_X_HEADERS:]:
        lost.setdefault(small, x_headers[small][0])
    return Kept(tuple(x_headers[small] for small in ranked[:MOST_X_HEADERS]), tuple(lost.values()))


def importance(header: Sequence[tuple[str, bytes]]) -> str:
    """Graph's word for how important a mail is; "" where it does not say (RFC 4021, section 2.1)."""
    values = {name.lower(): text_of(raw).lower() for name, raw in reversed(header)}
    for name in ("importance", "x-msmail-priority", "priority"):
        if found := _IMPORTANCE.get(values.get(name, "")):
            return found
    return _X_PRIORITY.get(values.get("x-priority", "")[:1], "")
