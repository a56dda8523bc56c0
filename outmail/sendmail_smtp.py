"""`sendmail -bs`: SMTP on stdin and stdout, for programs that speak it to sendmail instead of to a port.

What a mail needs to be taken is the same as without -bs, and 250 means the same: it is durable.
"""

from __future__ import annotations

import os

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Dropped, Event, HangUp, Login, Mail, Reply, StartTls
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules
from outmail.sendmail_handover import LATER, NOT_ALLOWED, OK, Envelope, NotTaken, hand_in
from outmail.sendmail_letter import LIMIT
from outmail.sendmail_places import Place

_CHUNK = 64 * 1024


def serve(place: Place, user: str, profile: str, stdin: int, stdout: int) -> int:
    """Speak until the client says QUIT or goes away; returns the exit code."""
    talk = _Talk(place, user, profile, stdout)
    talk.write(talk.dialogue.greeting())
    while not talk.over and (data := os.read(stdin, _CHUNK)):
        talk.obey(talk.dialogue.receive(data))
    return OK


class _Talk:
    """One dialogue, and what of a large mail has come."""

    def __init__(self, place: Place, user: str, profile: str, stdout: int) -> None:
        self._place = place
        self._user = user
        self._profile = profile
        self._stdout = stdout
        self._pieces: list[bytes] = []
        self.over = False
        name = os.uname().nodename
        host = name if name.isascii() and name.isprintable() and name and " " not in name else "localhost"
        self.dialogue = Dialogue(Rules(host, size_limit=LIMIT), "local")

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._stdout, view) :]

    def obey(self, events: list[Event]) -> None:
        """Do what the events say, and what follows from it."""
        while events:
            event = events.pop(0)
            match event:
                case Reply():
                    self.write(event.data)
                case Body():
                    self._pieces.append(event.data)
                case Dropped():
                    self._pieces = []
                case Mail():
                    pieces, self._pieces = [*self._pieces, event.content], []
                    events += self.dialogue.stored(self._keep(event, pieces))
                case HangUp():
                    self.over = True
                case Login() | StartTls():  # neither is offered
                    self.over = True

    def _keep(self, mail: Mail, pieces: list[bytes]) -> Answer:
        people = [(one.address, ",".join(sorted(one.notify)), one.orcpt) for one in mail.recipients]
        envelope = Envelope(self._user, mail.sender.address, people, self._profile)
        envelope.smtputf8 = mail.sender.smtputf8
        envelope.eight_bit = mail.sender.body == "8BITMIME"
        envelope.ret, envelope.envid = mail.sender.ret, mail.sender.envid
        try:
            name = hand_in(self._place, envelope, [piece for piece in pieces if piece])
        except NotTaken as error:
            text = f"{error.why}; {error.remedy}"
            if error.code == LATER:
                return Answer(451, "4.3.0", text)
            return Answer(550, "5.7.1" if error.code == NOT_ALLOWED else "5.3.0", text)
        return Answer(250, "2.0.0", f"Ok: queued as {name}")
