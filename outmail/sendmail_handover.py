"""Hands a mail to the running relay by its socket, or drops it for the next one; then it is durable.

It must never hand in one mail twice: the mail has one name, by which the relay knows it again.
"""

from __future__ import annotations

# The module of C: its Python part, with selectors and enum, costs as much as starting Python does.
import _socket
import errno
import posix as os  # what os takes its functions from; os itself takes too long
import time

from store.maildrop import drop_as, envelope, line_of, new_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from outmail.sendmail_places import Place

OK, USAGE, BAD_INPUT, REFUSED, DEFECT, LATER, NOT_ALLOWED, SETTINGS = 0, 64, 65, 69, 70, 75, 77, 78
"""sysexits.h, as the contract lists it."""

_CONNECT_SECONDS = 5.0
_SEND_SECONDS = 60.0
_ANSWER_SECONDS = 120.0
"""After which the mail is dropped under the same name; the relay remembers names for longer."""
_CHUNK = 1024 * 1024  # the most that the relay takes in one piece
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR)


class NotTaken(Exception):  # noqa: N818 - the name says the state
    """What was asked for was not done: the code to end with, why, what to do, and what it is."""

    def __init__(self, code: int, why: str, remedy: str, what: str = "the mail was not taken") -> None:
        super().__init__(why)
        self.what = what
        self.code = code
        self.why = why
        self.remedy = remedy


class Envelope:
    """Who sends to whom, and what else is asked for. `recipients` are (address, NOTIFY, ORCPT)."""

    __slots__ = ("eight_bit", "envid", "profile", "recipients", "ret", "sender", "smtputf8", "user")

    def __init__(
        self, user: str, sender: str, recipients: Sequence[tuple[str, str, str]], profile: str = ""
    ) -> None:
        self.user = user
        self.sender = sender
        self.recipients = recipients
        self.profile = profile
        self.smtputf8 = not all(one[0].isascii() for one in [(sender, "", ""), *recipients])
        self.eight_bit = False
        self.ret = ""
        self.envid = ""


def hand_in(place: Place, mail: Envelope, body: Sequence[bytes]) -> str:
    """Have the mail taken; returns its id in the queue, or its name in the maildrop. Raises NotTaken."""
    accepted = time.time_ns() // 1000
    header = envelope(
        mail.user,
        mail.sender,
        mail.recipients,
        accepted,
        profile=mail.profile,
        smtputf8=mail.smtputf8,
        eight_bit=mail.eight_bit,
        ret=mail.ret,
        envid=mail.envid,
    )
    name = new_name(accepted)
    try:
        line = line_of({**header, "name": name})
    except ValueError as error:
        raise NotTaken(BAD_INPUT, str(error), "write to fewer people at once") from error
    refusal: NotTaken | None = None
    try:
        taken = _submit(place, line, body)
        if isinstance(taken, str):
            return taken
        if taken.code != LATER:
            raise taken
        refusal = taken
    except OSError as error:
        if error.errno in _FORBIDDEN:
            refusal = _may_not(place)
    try:
        _drop(place, name, header, body)
    except OSError as error:
        raise refusal or _not_dropped(place, error) from error
    return name


def _submit(place: Place, line: bytes, body: Sequence[bytes]) -> str | NotTaken:
    """Give it to the relay; returns the id, or its refusal. Raises OSError where no answer comes."""
    wire = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        wire.settimeout(_CONNECT_SECONDS)
        wire.connect(place.socket)
        wire.settimeout(_SEND_SECONDS)
        try:  # noqa: SIM105 - contextlib is one more thing to import
            _send(wire, line, body)
        except BrokenPipeError:
            pass  # it answers before it has read all: a refusal
        wire.settimeout(_ANSWER_SECONDS)
        answer = b""
        while not answer.endswith(b"\n"):
            more = wire.recv(64 * 1024)
            if not more:
                raise ConnectionResetError(errno.ECONNRESET, "the relay ended")
            answer += more
        taken = _understood(answer)
        if isinstance(taken, str):
            try:  # noqa: SIM105
                wire.sendall(b"+")  # it need not remember the name any more
            except OSError:
                pass
        return taken
    finally:
        wire.close()


def _send(wire: _socket.socket, line: bytes, body: Sequence[bytes]) -> None:
    """The frame; a small mail in one packet."""
    out, size = [line, b"\n"], 0
    for piece in body:
        for at in range(0, len(piece), _CHUNK):
            part = piece[at : at + _CHUNK]
            out += [len(part).to_bytes(4, "big"), part]
            size += len(part)
            if size >= _CHUNK:
                wire.sendall(b"".join(out))
                out, size = [], 0
    wire.sendall(b"".join([*out, b"\0\0\0\0"]))


def _understood(answer: bytes) -> str | NotTaken:
    """Raises OSError for an answer that is none."""
    begin, end = b'{"ok":true,"id":"', b'"}\n'
    if answer.startswith(begin) and answer.endswith(end):
        return answer[len(begin) : -len(end)].decode("ascii", "replace")
    import json

    try:
        told = json.loads(answer)
        return NotTaken(int(told["code"]), str(told["why"]), str(told["remedy"]))
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(errno.EPROTO, "the relay's answer is none of ours") from error


def _drop(place: Place, name: str, header: dict[str, object], body: Sequence[bytes]) -> None:
    if not place.ours:
        os.stat(place.maildrop)  # of another user's, nothing is made
    drop_as(name, place.maildrop, header, body)


def _may_not(place: Place) -> NotTaken:
    return NotTaken(
        NOT_ALLOWED,
        f"you may not hand in mail here ({place.run})",
        "ask the admin to let you: [relay.access] sender_group or everyone_sends",
    )


def _not_dropped(place: Place, error: OSError) -> NotTaken:
    if error.errno in _FORBIDDEN:
        return _may_not(place)
    if error.errno in _NOTHING_THERE and not place.ours:
        return NotTaken(
            LATER,
            "no outmail is set up for you, and no relay runs on this machine",
            "set it up: outmail; or start the machine's relay: sudo outmail relay",
        )
    words = error.strerror or "unknown error"
    return NotTaken(LATER, f"{place.maildrop}: {words.lower()}", f"make room there: df -h {place.spool}")
