"""A relay for the programs of a recipe, its sink, and our sendmail as every user of the machine can start it.

It must never put anything in place of the machine's own sendmail outside a mount namespace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import outmail
from tests.outmail.relay.processes import RelayProcess, relay_process
from tests.servers.process import open_folder, require
from tests.servers.sink import Sink, Taken

ADMIN = "ops@example.test"
_ROOT = Path(outmail.__file__).parent.parent
_SETTINGS = f"""
[relay]
local_mail_to = "{ADMIN}"
[relay.access]
everyone_sends = true
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The relay, where its mail arrives, and the program that takes it."""

    folder: Path
    relay: RelayProcess
    sink: Sink
    sendmail: Path

    def arrived(self, wanted: Callable[[Taken], bool] = lambda _taken: True) -> tuple[Taken, str]:
        """The first mail that fits, and its text with LF; waits for it."""
        try:
            taken = self.sink.first(wanted)
        except AssertionError as error:
            waiting = self.relay.outmail("queue", "causes").stdout
            raise AssertionError(f"{error}\n{self.relay.log.read_text()}\n{waiting}") from error
        return taken, taken.content.decode().replace("\r\n", "\n")

    def run(self, *command: str, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """A program to its end, with the PATH of the machine and nothing else of the caller's."""
        return subprocess.run(
            command,
            input=given,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(self.folder), **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextlib.contextmanager
def place(doors: Mapping[int, str] | None = None) -> Iterator[Place]:
    """Until the end of the block, with a listener for this machine, or with these: rules in TOML by port."""
    listeners = "".join(
        f'[[relay.listeners]]\nlisten = "127.0.0.1:{port}"\n{rules}\n'
        for port, rules in (doors or {}).items()
    )
    sink = Sink()
    sink.start()
    try:
        with open_folder("recipe") as folder, relay_process(folder / "home") as relay:
            if doors:
                relay.port = next(iter(doors))
            relay.set_up(sink.port, _SETTINGS + listeners)
            relay.start(settings=bool(doors))
            yield Place(folder, relay, sink, _launcher(folder, relay.home))
    finally:
        sink.stop()


def _launcher(folder: Path, home: Path) -> Path:
    """A copy of what sendmail loads, for users who cannot enter the developer's folder."""
    for package in ("outmail", "store", "transports"):
        shutil.copytree(
            _ROOT / package, folder / "lib" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    program = folder / "sendmail"
    program.write_text(
        f"#!{require('/usr/bin/python3')} -IS\nimport os, sys\n"
        f"sys.path.insert(0, {str(folder / 'lib')!r})\nos.environ['OUTMAIL_HOME'] = {str(home)!r}\n"
        "from outmail.sendmail import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return program
