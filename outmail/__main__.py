"""Starts outmail: answers --version at once, makes sure that our own packages are found, and hands over.

It must never end in a traceback, and must not import anything slow before --version is answered. Under
the name sendmail it is the sendmail command, which runs once for each mail and has no time to lose.
"""

import sys

OURS = ("tui", "store", "transports")
SENDMAIL = ("sendmail", "outmail-sendmail", "mailq", "newaliases")
"""What the program may be called to be the sendmail command."""


def main() -> int:
    """Run the program on sys.argv; returns the exit code of the contract."""
    if sys.argv[1:] == ["--version"]:
        from outmail.version import VERSION

        try:
            print(f"outmail {VERSION}", flush=True)
        except OSError:
            from outmail.cli.app import run

            return run(sys.argv[1:])  # which knows how to tell it
        return 0
    if sys.argv[0].rpartition("/")[2] in SENDMAIL or sys.argv[1:2] == ["sendmail"]:
        from outmail.sendmail import main as sendmail

        return sendmail(sys.argv[2:] if sys.argv[1:2] == ["sendmail"] else None)
    stray = _stray()
    if stray:
        print(f"outmail: cannot start: {stray[0]}\n  {stray[1]}", file=sys.stderr)
        return 78
    from outmail.cli.app import run

    return run(sys.argv[1:])


def _stray() -> tuple[str, str] | None:
    """Why and remedy, where another package of the same name would be imported instead of ours.

    `python -m outmail` in a folder that has a store/ of its own, and PYTHONPATH, do that.
    """
    from importlib.util import find_spec
    from pathlib import Path

    home = Path(__file__).resolve().parent.parent
    for name in OURS:
        try:
            spec = find_spec(name)
        except ValueError:  # a module without a spec, put there by hand
            spec = None
        if spec is None or not spec.origin:
            return f"its part {name!r} is missing in {home}", "install it anew: pipx reinstall outmail"
        found = Path(spec.origin).resolve().parent
        if found != home / name:
            return (
                f"another {name!r} shadows ours: {found}",
                "start it from another folder, without PYTHONPATH, by its command: outmail",
            )
    return None


if __name__ == "__main__":
    sys.exit(main())
