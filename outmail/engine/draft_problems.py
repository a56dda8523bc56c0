"""What is wrong with the wizard's answers, field by field and all at once, in the store's words.

It must never have rules of its own: what is right or wrong the store decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from outmail.engine import draft_oauth as oauth
from outmail.engine import draft_pages as at
from store.contradictions import check_whole, contradictions
from store.problems import SettingsInvalid
from store.profiles import Settings

if TYPE_CHECKING:
    from outmail.engine.draft import Draft

_IN_THE_CLEAR = "is off, yet {} has no TLS: switch it on knowingly, or go back and choose TLS for the server"
_ADDRESSES = {at.AUTHORIZATION_URL, at.TOKEN_URL, at.DEVICE_URL, at.REDIRECT_URL, at.ENDPOINT, at.EWS_URL}


def problems(draft: Draft, existing: Settings) -> dict[str, str]:
    """Everything wrong with the answers, by field; `existing` is what is saved."""
    found: dict[str, str] = {}
    whole = draft
    try:
        draft.profile()
    except SettingsInvalid as error:
        for problem in error.problems:
            found.setdefault(problem.field, problem.message)
        # The rest is judged as if these fields were right, so that nothing waits for a second look.
        whole = replace(draft, texts=draft.texts | {name: _stand_in(name) for name in found})
    found |= _spanning(whole, existing, set(found))
    if draft.text(at.METHOD) == "oauth":
        found = {at.FILES.get(field, field): words for field, words in found.items()}
        found |= {field: words for field, words in draft.unread.items() if oauth.asks(draft, field)}
    name = draft.text(at.NAME).strip()
    if not name:
        found[at.NAME] = "is missing"
    elif name != draft.original and name in existing.profiles:
        found[at.NAME] = "is taken: a profile of that name exists"
    return found


def _spanning(draft: Draft, existing: Settings, known: set[str]) -> dict[str, str]:
    # A name that cannot be typed in TOML must not hide the rest: the rules are asked twice.
    found: dict[str, str] = {}
    name = draft.text(at.NAME).strip()
    try:
        told = contradictions(name, draft.profile())
        check_whole(draft.settings(existing))
    except SettingsInvalid as error:
        told = error.problems
    for problem in told:
        if not problem.field.startswith(f"profiles.{name}"):
            continue
        where = problem.field.removeprefix(f"profiles.{name}").removeprefix(".") or at.NAME
        if where.endswith(".security") and draft.text(at.METHOD) != "oauth":
            server = "the server" if where == at.SECURITY else "an alternate server"
            found.setdefault(at.INSECURE, _IN_THE_CLEAR.format(server))
        elif where not in known:
            found.setdefault(where, problem.message)
    return found


def _stand_in(name: str) -> str:
    """A value that passes, for a field that does not."""
    if name.endswith(".host"):
        return "stand-in.invalid"
    if name == at.FROM:
        return "stand-in@stand-in.invalid"
    if name in _ADDRESSES:
        return "https://stand-in.invalid"
    return "http://stand-in.invalid:1" if name == at.PROXY_URL else ""
