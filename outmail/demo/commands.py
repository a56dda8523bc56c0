"""The commands that a running practice tenant understands: words in, one JSON object out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from outmail.demo.faults import UnknownFault
from outmail.demo.person import ACCOUNTS, Unable
from outmail.demo.tenant import PracticeTenant
from transports.shown import harmless

Answer = dict[str, object]

_MOST_LISTED = 20
_MOST_EVER = 100

COMMANDS = {
    "fault": "fault SERVER [FAULT]: give a server a fault ('none' mends it), or say which it has",
    "faults": "faults: every fault with its meaning and the servers on which it can be seen",
    "mails": "mails [N]: the last N mails that arrived (20 unless told, 100 at most)",
    "signins": "signins: the codes that programs show and wait with",
    "allow": "allow CODE [ACCOUNT]: type the code on another device and sign in (as the desk unless told)",
    "decline": "decline CODE: type the code and decline",
    "browse": "browse URL [ACCOUNT]: sign in by browser; answers with the address that it ends on",
    "help": "help: this list",
    "quit": "quit: end the practice tenant",
}


class Control:
    """Understands the commands; `quit` is called when somebody asks for the end."""

    def __init__(self, tenant: PracticeTenant, quit_: Callable[[], None]) -> None:
        self._tenant = tenant
        self._quit = quit_

    def answer(self, line: bytes) -> Answer:
        """What a line of any bytes gets: an object with "ok", and with "error" and "known" if it is false."""
        words = line.decode("utf-8", "replace").split()
        match words:
            case []:
                return _error("an empty line is no command", COMMANDS)
            case [command, *_] if command not in COMMANDS:
                return _error(f"there is no command {_short(command)!r}", COMMANDS)
            case ["fault" | "faults" | "mails" | "quit" | "help", *_]:
                found = self._of_servers(words)
            case _:
                found = self._of_people(words)
        return found or _error(f"{words[0]} takes other words", [COMMANDS[words[0]]])

    def _of_servers(self, words: list[str]) -> Answer | None:
        match words:
            case ["fault", server]:
                return self._fault(server)
            case ["fault", server, fault]:
                return self._set_fault(server, fault)
            case ["faults"]:
                return self._faults()
            case ["mails"]:
                return self._mails(_MOST_LISTED)
            case ["mails", number] if number.isascii() and number.isdigit() and len(number) <= 3:
                return self._mails(min(int(number), _MOST_EVER))
            case ["help"]:
                return {"ok": True, "commands": COMMANDS}
            case ["quit"]:
                self._quit()
                return {"ok": True, "quitting": True}
        return None

    def _of_people(self, words: list[str]) -> Answer | None:
        match words:
            case ["signins"]:
                return {"ok": True, "waiting": self._tenant.person.waiting()}
            case ["allow", code]:
                return self._type_code(code, ACCOUNTS[0])
            case ["allow", code, account]:
                return self._type_code(code, account)
            case ["decline", code]:
                return self._type_code(code, "")
            case ["browse", url]:
                return self._browse(url, ACCOUNTS[0])
            case ["browse", url, account]:
                return self._browse(url, account)
        return None

    def _fault(self, server: str) -> Answer:
        now = self._tenant.faults().get(server)
        if now is None:
            return _error(f"there is no server {_short(server)!r}", self._tenant.ports)
        return {"ok": True, "server": server, "fault": now}

    def _set_fault(self, server: str, fault: str) -> Answer:
        try:
            self._tenant.set_fault(server, fault)
        except UnknownFault as error:
            return _error(_short(str(error), 300), error.known)
        except OSError as error:
            return _error(f"the port could not be opened again: {error.strerror}", ["none"])
        return {"ok": True, "server": server, "fault": fault, "means": self._tenant.describe(server, fault)}

    def _faults(self) -> Answer:
        seen: dict[tuple[str, str], list[str]] = {}
        for server in self._tenant.ports.values():
            for fault in server.faults.values():
                seen.setdefault((fault.id, fault.description), []).append(server.name)
        return {
            "ok": True,
            "now": self._tenant.faults(),
            "faults": [
                {"fault": fault, "means": means, "servers": servers}
                for (fault, means), servers in seen.items()
            ],
        }

    def _type_code(self, code: str, account: str) -> Answer:
        person = self._tenant.person
        try:
            person.type_code(code, account)
        except Unable as error:
            return _error(_short(str(error), 300), person.waiting())
        return {"ok": True, "code": code, "account": account or None}

    def _browse(self, url: str, account: str) -> Answer:
        try:
            ended = self._tenant.person.browse(url, account)
        except Unable as error:
            return _error(_short(str(error), 300), ACCOUNTS)
        return {"ok": True, "account": account, "ends_on": ended}

    def _mails(self, most: int) -> Answer:
        mails = self._tenant.mails[-most:] if most else ()
        return {"ok": True, "kept": len(self._tenant.mails), "mails": [mail.listing() for mail in mails]}


def _short(text: str, longest: int = 60) -> str:
    return harmless(text, longest)


def _error(words: str, known: Iterable[object]) -> Answer:
    return {"ok": False, "error": words, "known": list(known)}
