"""Reads the flags of sendmail as Postfix's sendmail does, and says before anything is read what it cannot do.

It must import little: every run of sendmail pays for it (getopt alone, by way of gettext and re, would cost
as much as starting Python does).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WITH_VALUE = frozenset("ABCFLNORVXabefhopr")
"""The value follows at once, or is the next argument."""
_IGNORED = frozenset("GInmUxc")
_IGNORED_WITH_VALUE = frozenset("ACLXehpO")
_NOTICES = ("success", "failure", "delay")

DELIVER, SMTP, QUEUE, RETRY, NOTHING, HELP, VERSION = (
    "deliver", "smtp", "queue", "retry", "nothing", "help", "version",
)  # fmt: skip

_MODES = {"m": DELIVER, "s": SMTP, "p": QUEUE, "i": NOTHING}
_NAMES = {"mailq": QUEUE, "newaliases": NOTHING}


class WrongUse(Exception):  # noqa: N818 - the name says the state
    """Flags that cannot be obeyed: why, and what to do."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


class Flags:
    """What the command line says. `sender` is None where it names none, and "" for the null sender."""

    __slots__ = (
        "body",
        "dots",
        "envid",
        "extract",
        "home",
        "mode",
        "name",
        "notify",
        "profile",
        "recipients",
        "ret",
        "sender",
        "system",
        "verbose",
    )  # fmt: skip

    def __init__(self) -> None:
        self.mode = DELIVER
        self.extract = False  # -t: recipients are read from the header fields
        self.dots = False  # -i: a line with a dot alone does not end the mail
        self.sender: str | None = None
        self.name = ""  # of the sender, for a From field
        self.profile = ""
        self.notify = ""
        self.ret = ""
        self.envid = ""
        self.body = ""
        self.recipients: list[str] = []
        self.verbose = False
        self.home = ""
        self.system = False


def parse(arguments: Sequence[str], called: str = "sendmail") -> Flags:
    """Read the arguments of a program that was called by this name. Raises WrongUse."""
    flags = Flags()
    flags.mode = _NAMES.get(called, DELIVER)
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            flags.recipients += left
            break
        if word.startswith("--"):
            _long(flags, word, left)
        elif word.startswith("-") and word != "-":
            _short(flags, word[1:], left)
        else:
            flags.recipients.append(word)
    return flags


def _long(flags: Flags, word: str, left: list[str]) -> None:
    """Options of outmail's own."""
    name, equals, value = word[2:].partition("=")
    if name == "home":
        if not equals and not left:
            raise WrongUse("--home needs a folder", "sendmail --home DIR [flags] [recipient ...]")
        flags.home = value if equals else left.pop(0)
    elif word == "--system":
        flags.system = True
    elif word == "--help":
        flags.mode = HELP
    elif word == "--version":
        flags.mode = VERSION
    else:
        raise _unknown(f"--{name}")


def _short(flags: Flags, letters: str, left: list[str]) -> None:
    """One word of flags, as getopt(3) reads it: "-ti", "-fADDRESS", "-f ADDRESS"."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in {"q", "d"}:  # a value only where it follows at once: "-q5m", "-d0.1"
            flags.mode = RETRY if letter == "q" else flags.mode
            return
        if letter in _WITH_VALUE:
            if not letters and not left:
                if letter == "V":
                    return  # of old it asked for verbose mail
                raise WrongUse(f"-{letter} needs a value", "see the flags: outmail sendmail --help")
            _set(flags, letter, letters or left.pop(0))
            return
        if letter == "t":
            flags.extract = True
        elif letter == "i":
            flags.dots = True
        elif letter == "v":
            flags.verbose = True
        elif letter not in _IGNORED:
            raise _unknown(f"-{letter}")
        elif letter == "I":
            flags.mode = NOTHING


def _set(flags: Flags, letter: str, value: str) -> None:
    if letter in {"f", "r"}:
        flags.sender = value.strip()
    elif letter == "F":
        flags.name = value
    elif letter == "a":
        flags.profile = value
    elif letter == "o":
        flags.dots = flags.dots or value.startswith("i")
    elif letter == "O":
        flags.dots = flags.dots or value.lower().replace(" ", "") in {"ignoredots", "ignoredots=true"}
    elif letter == "b":
        if value not in _MODES:
            raise WrongUse(
                f"-b{value[:20]} is not a mode of this sendmail",
                "the service is started with: outmail relay" if value[:1] in "dD" else "it knows -bm -bs -bp",
            )
        flags.mode = _MODES[value]
    elif letter in _CHECKED:
        setattr(flags, *_CHECKED[letter](value))


def _notify(value: str) -> tuple[str, str]:
    words = [word.strip() for word in value.lower().split(",")]
    if words != ["never"] and not (set(words) <= set(_NOTICES) and len(set(words)) == len(words)):
        raise WrongUse("-N takes never, or some of success,failure,delay", "for example: -N failure,delay")
    return "notify", ",".join(words).upper()


def _ret(value: str) -> tuple[str, str]:
    if value.lower() not in {"full", "hdrs"}:
        raise WrongUse("-R takes full or hdrs", "for example: -R hdrs")
    return "ret", value.upper()


def _envid(value: str) -> tuple[str, str]:
    if not value.isascii() or not value.isprintable():
        raise WrongUse("-V takes printable ASCII", "choose another envelope id")
    # RFC 3461, section 4: xtext
    coded = "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in value)
    if len(coded) > 100:
        raise WrongUse("the envelope id of -V is longer than 100 characters", "choose a shorter one")
    return "envid", coded


def _body(value: str) -> tuple[str, str]:
    if value.upper() not in {"7BIT", "8BITMIME"}:
        raise WrongUse("-B takes 7BIT or 8BITMIME", "leave it out: it is found out")
    return "body", value.upper()


_CHECKED: dict[str, Callable[[str], tuple[str, str]]] = {
    "N": _notify, "R": _ret, "V": _envid, "B": _body,
}  # fmt: skip


def _unknown(flag: str) -> WrongUse:
    return WrongUse(f"{flag[:40]} is not a flag of sendmail", "see which there are: outmail sendmail --help")
