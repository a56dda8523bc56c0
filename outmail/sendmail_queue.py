"""`sendmail -bp` and `sendmail -q`: the queue of the running relay, listed and tried again, for who may.

It must never open the queue itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from outmail.engine.control import NotRunning, ask
from outmail.engine.steering import MOST, which_json
from outmail.sendmail_handover import LATER, NOT_ALLOWED, OK, NotTaken
from outmail.sendmail_places import Place
from store.errors import ErrorKind, StoreError
from store.spool import EVERYTHING
from transports.shown import harmless

_MARKS = {"sending": "*", "held": "!", "uncertain": "?", "dead": "#"}
_NOT_ASKED = "the queue was not reached"
_HEADING = "-Queue ID-     --Size-- ----Arrival Time---- -Sender/Recipient-------"


def show(place: Place, say: Callable[[str], None]) -> int:
    """List the queue as Postfix's mailq does. Raises NotTaken."""
    mails = size = 0
    after: str | None = None
    while True:
        page: list[dict[str, Any]] = _ask(
            place, "page", which=which_json(EVERYTHING), limit=MOST, after=after
        )
        for entry in page:
            if not mails:
                say(_HEADING)
            mails += 1
            size += int(entry["size"])
            _show(entry, say)
        if len(page) < MOST:
            break
        after = page[-1]["id"]
    if mails:
        say(f"-- {size // 1024} Kbytes in {mails} Request{'s' if mails > 1 else ''}.")
    else:
        say("Mail queue is empty")
    return OK


def _show(entry: dict[str, Any], say: Callable[[str], None]) -> None:
    arrived = datetime.fromisoformat(entry["accepted"]).astimezone().strftime("%a %b %e %H:%M:%S")
    name = f"{entry['id']}{_MARKS.get(entry['state'], ' ')}"
    say(f"{name:14} {entry['size']:>8} {arrived:20} {harmless(entry['from'] or 'MAILER-DAEMON')}")
    if entry["last_error"]:
        say(f"({harmless(entry['last_error'])})")
    for address in entry["to"]:
        say(f"{'':45}{harmless(address)}")
    say("")


def retry(place: Place) -> int:
    """Have everything that waits tried now. Raises NotTaken."""
    _ask(place, "retry", which=which_json(EVERYTHING))
    return OK


def _ask(place: Place, do: str, **fields: Any) -> Any:
    """What the relay answers; Any, since it is JSON."""
    try:
        return ask(Path(place.run), do, **fields)
    except NotRunning:
        remedy = "start it: outmail relay; or look without it: outmail queue list"
        raise NotTaken(LATER, "no relay runs", remedy, _NOT_ASKED) from None
    except StoreError as error:
        code = NOT_ALLOWED if error.kind is ErrorKind.FORBIDDEN else LATER
        raise NotTaken(code, f"{error.what}: {error.why}", error.remedy, _NOT_ASKED) from error
