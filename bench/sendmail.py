"""How long `sendmail -t` takes from start to exit, against Postfix's sendmail and an msmtp send.

Ours hands the mail to a queue in another process by its socket, and drops it where none runs. Postfix's
sendmail drops it too (its master need not run); msmtp sends it to a sink on loopback that keeps nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rounds import compare

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
RUNS = 20
MAIL = b"To: ops@example.org\nSubject: Backup\n\n" + b"All is well with the backup of today.\n" * 50

LAUNCHER = f"""#!{PYTHON} -IS
import sys
sys.path.insert(0, {str(ROOT)!r})
from outmail.sendmail import main
sys.exit(main())
"""

RELAY = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from outmail.relay.intake import Intake
from outmail.relay.submission import SUBMIT, Submission
from store.profiles import Profile
from store.spool import Spool

home = Path(sys.argv[1])
profile = Profile.model_validate(
    {"protocol": "smtp", "from_address": "desk@example.org", "smtp": {"host": "smtp.example.org"}}
)

async def serve():
    now = lambda: datetime.now(UTC)
    spool = await Spool.open(home / "spool", "bench", now(), tell=print)
    (home / "run").mkdir()
    intake = Intake(spool, lambda _sender, _asked: ("bench", profile), "relay.example.org", now)
    submission = Submission(home / "run" / SUBMIT, intake, spool, lambda _uid, _gid: True)
    await submission.open()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await submission.close()
    await spool.close(now())

asyncio.run(serve())
"""


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Seconds for one run, the mean of several."""
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    for _ in range(RUNS):
        subprocess.run(command, input=MAIL, check=True, env=env, stdout=quiet, stderr=quiet)
    return (time.perf_counter() - began) / RUNS


@contextlib.contextmanager
def relay(home: Path) -> Iterator[None]:
    """A queue with its socket, in a process of its own."""
    command = [PYTHON, "-c", RELAY, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate()


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port."""
    import socket

    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(["smtp-sink", *as_user, f"127.0.0.1:{port}", "100"]) as process:
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
        process.terminate()


@contextlib.contextmanager
def postfix(folder: Path) -> Iterator[list[str]]:
    """Its sendmail, with a queue of its own that nothing empties."""
    queue, config, data = folder / "queue", folder / "config", folder / "data"
    for path in (queue, config, data):
        path.mkdir(mode=0o755)
    shutil.copy("/etc/postfix/master.cf.proto", config / "master.cf")
    (config / "main.cf").write_text(
        f"queue_directory={queue}\ndata_directory={data}\ncompatibility_level=3.6\nmyhostname=bench.test\n"
    )
    folder.chmod(0o755)
    subprocess.run(
        ["postfix", "-c", config, "set-permissions", "create-missing"], check=False, capture_output=True
    )
    maildrop = queue / "maildrop"
    maildrop.mkdir(exist_ok=True)
    (queue / "public").mkdir(exist_ok=True)
    (queue / "pid").mkdir(exist_ok=True)
    yield ["/usr/sbin/sendmail", "-C", str(config), "-t"]


def main() -> bool:
    """All rows."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as name, sink() as port:
        folder = Path(name)
        launcher = folder / "sendmail"
        launcher.write_text(LAUNCHER)
        launcher.chmod(0o755)
        ours = [str(launcher), "-t"]
        env = {"PATH": os.environ["PATH"], "HOME": name}
        msmtp = ["msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={port}", "--from=a@b.test", "-t"]
        met = []
        (folder / "postfix").mkdir()
        with relay(folder / "socket"), postfix(folder / "postfix") as theirs:
            by_socket = {**env, "OUTMAIL_HOME": str(folder / "socket")}
            dropped = {**env, "OUTMAIL_HOME": str(folder / "drop")}
            bare = [PYTHON, "-IS", "-c", "pass"]
            for row, home, peer, goal in (
                ("by the socket / Postfix's sendmail -t", by_socket, theirs, 1.1),
                ("dropped / Postfix's sendmail -t", dropped, theirs, 1.1),
                ("by the socket / an msmtp send to a local sink", by_socket, msmtp, 0.25),
                ("by the socket / python -IS -c pass", by_socket, bare, None),
            ):
                met.append(
                    compare(
                        f"sendmail -t, {row}",
                        lambda home=home: seconds(ours, home),  # type: ignore[misc]
                        lambda peer=peer: seconds(peer, env),  # type: ignore[misc]
                        goal,
                    )
                )
        return all(met)


if __name__ == "__main__":
    sys.exit(not main())
