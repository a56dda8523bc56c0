"""The sendmail command: takes a mail on stdin as programs have always given it, and has it queued.

It must never say 0 before the mail is durable, never open the settings or send by itself, and must import
little: it runs once for each mail.
"""

from __future__ import annotations

import posix as os  # what os takes its functions from; os itself takes too long
import sys

from outmail import sendmail_flags as flags_of
from outmail.sendmail_addresses import NoAddress, addresses
from outmail.sendmail_handover import (
    BAD_INPUT,
    DEFECT,
    LATER,
    OK,
    USAGE,
    Envelope,
    NotTaken,
    hand_in,
)
from outmail.sendmail_letter import BadMail, Letter, read_mail
from outmail.sendmail_places import Place, environment, locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from outmail.sendmail_flags import Flags

INTERRUPTED = 130

HELP = """\
Usage: sendmail [flags] [recipient ...] < mail
       outmail sendmail [--home DIR] [--system] [flags] [recipient ...]

Takes a mail on stdin and queues it; it ends with 0 only when the mail is safe.

  -t          read the recipients from To, Cc and Bcc
  -i, -oi     a line with a dot alone does not end the mail
  -f ADDRESS  the sender (-r is the same); "" for none
  -F NAME     the sender's name, where the mail has no From field
  -a NAME     send by this profile
  -N WHEN     notices: never, or some of success,failure,delay
  -R WHAT     what a notice returns: full or hdrs
  -V ID       an id that notices repeat
  -B TYPE     7BIT or 8BITMIME; found out without it
  -bm         take a mail (what it does without flags)
  -bs         speak SMTP on stdin and stdout
  -bp         list the queue
  -q          try now what waits in the queue
  -v          say what the mail is called in the queue
Other flags of sendmail (-o..., -C, -O, -L, -h, -e, -X) are taken and ignored.

Example: printf 'Subject: Backup done\\n\\nAll well.\\n' | sendmail ops@example.org
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run on these arguments, or on those of the process; returns the exit code. Never raises."""
    called = sys.argv[0].rpartition("/")[2] if arguments is None else "sendmail"
    try:
        return _run(flags_of.parse(sys.argv[1:] if arguments is None else arguments, called))
    except flags_of.WrongUse as error:
        return _tell(USAGE, "wrong use", error.why, error.remedy)
    except NoAddress as error:
        return _tell(
            BAD_INPUT, "the mail was not taken", f"{error} is no address", "correct it and send it again"
        )
    except BadMail as error:
        return _tell(BAD_INPUT, "the mail was not taken", error.why, error.remedy)
    except NotTaken as error:
        return _tell(error.code, error.what, error.why, error.remedy)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        words = (error.strerror or "unknown error").lower()
        return _tell(LATER, "the mail was not taken", words, "send it again")
    except Exception as error:  # the last line of defence: a traceback never reaches a user
        remedy = "please report it, and send the mail by another way: outmail send"
        return _tell(DEFECT, "the mail was not taken", f"a defect of outmail: {type(error).__name__}", remedy)


def _run(flags: Flags) -> int:
    if flags.mode == flags_of.HELP:
        return _print(HELP)
    if flags.mode == flags_of.VERSION:
        from outmail.version import VERSION

        return _print(f"outmail {VERSION}\n")
    if flags.mode == flags_of.NOTHING:
        return OK  # there are no aliases
    place = locate(flags.home, flags.system, environment(), os.geteuid())
    if flags.mode == flags_of.QUEUE:
        from outmail.sendmail_queue import show

        return show(place, print)
    if flags.mode == flags_of.RETRY:
        from outmail.sendmail_queue import retry

        return retry(place)
    _must_be_set_up(place)
    if flags.mode == flags_of.SMTP:
        from outmail.sendmail_smtp import serve

        return serve(place, _user()[0], flags.profile, 0, 1)
    return _deliver(flags, place)


def _deliver(flags: Flags, place: Place) -> int:
    """Take one mail from stdin."""
    given = [address for word in flags.recipients for address in addresses(word) if address]
    user, full_name = _user()
    sender = _sender(flags, user)
    if not given and not flags.extract:
        raise flags_of.WrongUse(
            "there is no recipient", "name one: sendmail ADDRESS; or -t, if the mail names them itself"
        )
    letter = Letter(read_mail(0, dots=flags.dots))
    if flags.extract:
        given += letter.recipients()
        if not given:
            raise BadMail("it names no recipient", "give it a To field, or name one: sendmail -t ADDRESS")
    letter.strip()
    letter.add_from(flags.name or full_name, sender or user)
    mail = Envelope(user, sender, [(one, flags.notify, "") for one in dict.fromkeys(given)], flags.profile)
    mail.eight_bit = flags.body == "8BITMIME" or not letter.is_ascii()
    mail.ret, mail.envid = flags.ret, flags.envid
    name = hand_in(place, mail, letter.pieces())
    if flags.verbose:
        _say(f"queued as {name}")
    return OK


def _sender(flags: Flags, user: str) -> str:
    """The reverse-path: as -f says, "" for none; without it the user who calls."""
    if flags.sender is None:
        return user
    if not flags.sender:
        return ""
    try:
        found = addresses(flags.sender)
    except NoAddress:
        found = []
    if len(found) != 1:
        raise flags_of.WrongUse("-f names no sender", "give it one address: -f ADDRESS")
    return found[0]


def _user() -> tuple[str, str]:
    """Who calls, and their full name (the first part of gecos, passwd(5))."""
    import pwd

    try:
        found = pwd.getpwuid(os.getuid())
    except KeyError:
        return f"uid-{os.getuid()}", ""
    return found.pw_name, found.pw_gecos.partition(",")[0].replace("&", found.pw_name.capitalize())


def _must_be_set_up(place: Place) -> None:
    """A mail that nobody would ever collect is not taken."""
    if not place.set_up:
        raise NotTaken(
            LATER,
            "no outmail is set up for you, and no relay runs on this machine",
            "set it up: outmail; or as root, for everyone: sudo outmail, then sudo outmail relay",
        )


def _print(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return OK


def _tell(code: int, what: str, why: str, remedy: str) -> int:
    _say(f"{what}: {why}\n  {remedy}" if remedy else f"{what}: {why}")
    return code


def _say(text: str) -> None:
    """On stderr, if somebody has it; never what a terminal would obey."""
    shown = "".join(c if c.isprintable() or c == "\n" else "?" for c in f"outmail: {text}\n")
    try:
        os.write(2, shown.encode("utf-8", "replace"))
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
