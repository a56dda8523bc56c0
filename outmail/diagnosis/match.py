"""From a failure to its explanation: the one door to the catalogue. It always finds an answer."""

from __future__ import annotations

import dataclasses

from outmail.diagnosis.case import Case
from outmail.diagnosis.catalogue import CATALOGUE, UNKNOWN
from outmail.diagnosis.entry import Entry
from outmail.diagnosis.finding import Context, Finding
from transports.base import Failure


def diagnose(failure: Failure, context: Context) -> Finding:
    """What a failure means to an admin; `unknown` with the server's own words where nobody knows."""
    case = Case(failure, context)
    entry = next((e for e in CATALOGUE if e.when(case)), UNKNOWN)
    return _honest(entry.finding(case))


_NOT_YET = {
    "Microsoft Graph": "This version of outmail does not send through Graph yet.",
}


def _honest(finding: Finding) -> Finding:
    """A remedy that names what this version cannot do says so: nobody shall search for it."""
    later = [words for name, words in _NOT_YET.items() if name in finding.remedy]
    return dataclasses.replace(finding, remedy=" ".join([finding.remedy, *later])) if later else finding


def all_entries() -> tuple[Entry, ...]:
    """The whole catalogue in the order of its rules; the last one is `unknown`."""
    return CATALOGUE
