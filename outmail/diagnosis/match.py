"""From a failure to its explanation: the one door to the catalogue. It always finds an answer."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.catalogue import CATALOGUE, UNKNOWN
from outmail.diagnosis.entry import Entry
from outmail.diagnosis.finding import Context, Finding
from transports.base import Failure


def diagnose(failure: Failure, context: Context) -> Finding:
    """What a failure means to an admin; `unknown` with the server's own words where nobody knows."""
    case = Case(failure, context)
    entry = next((e for e in CATALOGUE if e.when(case)), UNKNOWN)
    return entry.finding(case)


def all_entries() -> tuple[Entry, ...]:
    """The whole catalogue in the order of its rules; the last one is `unknown`."""
    return CATALOGUE
