"""Plays a dialogue written in a text file: what the client says, what the server must answer and tell.

    # a comment
    rules: starttls_offered, size_limit=1000      first, where they differ from the default
    refuse sender mallory@example.test 550 5.7.1 Not you
    refuse recipient nobody@example.test 550 5.1.1 No such user
    C: a line of the client, without its CR LF; \\x00 and its kin are bytes
    P: a piece of a line: no CR LF is added
    S: the beginning of a line of the answer
    E: mail <sender> -> <recipients> 'content'; login, body, dropped, start tls, hang up
    D: stored 250 2.0.0 kept; logged in, denied, later, tls started, timed out, shut down

After each C, P and D everything must have been expected by S and E before the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Dropped, Event, HangUp, Login, Mail, Recipient, Reply, Sender, StartTls
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules

FOLDER = Path(__file__).parent / "dialogues"
HOST = "relay.example.test"
PEER = "192.0.2.7"


def told(event: Event) -> list[str]:
    """An event as it stands in a file; one line each, several for a reply."""
    match event:
        case Reply(data):
            assert data.endswith(b"\r\n")
            return [f"S: {line}" for line in data.decode("ascii").split("\r\n")[:-1]]
        case Mail():
            to = " ".join(f"<{recipient.address}>" for recipient in event.recipients)
            text = event.content.decode("utf-8", "backslashreplace")
            return [f"E: mail <{event.sender.address}> -> {to} {text!r}"]
        case Login():
            return [f"E: login {event.mechanism} {event.username} {event.password.reveal()!r}"]
        case Body(data):
            return [f"E: body {len(data)}"]
        case Dropped():
            return ["E: dropped"]
        case StartTls():
            return ["E: start tls"]
        case HangUp():
            return ["E: hang up"]


@dataclass
class Play:
    """One file, while it is played."""

    path: Path
    rules: dict[str, int | bool | str] = field(default_factory=lambda: {"hostname": HOST})
    tls: bool = False
    refused: dict[tuple[str, str], Answer] = field(default_factory=dict)
    dialogue: Dialogue | None = None
    heard: list[str] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    """All that the server said, in the whole play."""

    def run(self) -> None:
        """Play it to its end. Raises AssertionError with the line that did not come out as written."""
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                try:
                    self._line(line)
                except AssertionError as error:
                    raise AssertionError(f"{self.path.name}:{number}: {line}\n{error}") from error
        assert self.heard == [], f"{self.path.name}: the end: {self.heard}"

    def _line(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        match kind:
            case "rules:":
                for word in rest.split(", "):
                    name, _, value = word.partition("=")
                    self.rules[name] = int(value) if value else True
            case "tls:":
                self.tls = rest == "yes"
            case "refuse":
                role, address, code, enhanced, text = rest.split(" ", 4)
                self.refused[role, address] = Answer(int(code), enhanced, text)
            case "C:" | "P:":
                self._quiet()
                data = rest.encode("ascii").decode("unicode_escape").encode("latin-1")
                self._hear(self._dialogue().receive(data + b"\r\n" if kind == "C:" else data))
            case "D:":
                self._quiet()
                self._hear(self._do(rest))
            case "S:" | "E:":
                assert self.heard, "nothing more was said"
                found = self.heard.pop(0)
                assert found == line or (kind == "S:" and found.startswith(line)), f"said: {found}"
            case _:
                raise AssertionError("what is this?")

    def _quiet(self) -> None:
        assert self.heard == [], f"was said and not expected: {self.heard}"

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            self.heard += told(event)
        self.said.update(line.removeprefix("S: ") for line in self.heard)

    def _do(self, what: str) -> list[Event]:
        dialogue = self._dialogue()
        match what.split(" ", 3):
            case ["stored", code, enhanced, text]:
                return dialogue.stored(Answer(int(code), enhanced, text))
            case ["tls", "started"]:
                dialogue.tls_started()
                return []
            case ["logged", "in"]:
                return dialogue.logged_in(True)
            case ["denied"]:
                return dialogue.logged_in(False)
            case ["later"]:
                return dialogue.log_in_later()
            case ["timed", "out"]:
                return dialogue.timed_out()
            case ["shut", "down"]:
                return dialogue.shut_down()
        raise AssertionError("what is this?")

    def _dialogue(self) -> Dialogue:
        if self.dialogue is None:
            self.dialogue = Dialogue(
                Rules(**self.rules),  # type: ignore[arg-type]  # the file names them
                PEER,
                tls=self.tls,
                may_send=self._may_send,
                may_receive=self._may_receive,
            )
        return self.dialogue

    def _may_send(self, sender: Sender) -> Answer | None:
        return self.refused.get(("sender", sender.address))

    def _may_receive(self, recipient: Recipient) -> Answer | None:
        return self.refused.get(("recipient", recipient.address))
