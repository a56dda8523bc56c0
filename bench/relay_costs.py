"""What the relay costs beside its speed: latency, memory, a black hole in place of the primary, a kill."""

from __future__ import annotations

import contextlib
import shutil
import signal
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from relay_peers import PROGRAM, Peer, Sink, outmail, postfix, send

MAIL = b"From: foo@example.test\r\nSubject: x\r\n\r\n" + b"x" * 2000 + b"\r\n"
LARGE = 100 * 1000 * 1000


def told(row: str, value: float, unit: str, goal: float) -> bool:
    """Print a row whose value must not pass the goal; whether it does not."""
    met = value <= goal
    print(f"{row}: {value:.2f}{unit}, goal {goal:g}{unit}: {'met' if met else 'MISSED'}", flush=True)
    return met


def latency(ours: Peer, theirs: Peer) -> bool:
    """One message at a time, from the client's start until the sink has it."""
    pairs = [[send(peer, 1, 1, 2048) for peer in (ours, theirs)] for _ in range(45)][5:]
    mine, peers = (statistics.median(side) for side in zip(*pairs, strict=True))
    row = f"added latency of one message: {mine * 1000:.1f} ms against Postfix's {peers * 1000:.1f} ms, ratio"
    return told(row, statistics.median(a / b for a, b in pairs), "", 0.7)


def hand_in(port: int, count: int, mail: bytes = MAIL) -> None:
    """On one connection."""
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        for _ in range(count):
            client.sendmail("foo@example.test", ["bar@example.test"], mail)


def run(home: Path, *words: str) -> None:
    """A command of outmail's on this home."""
    subprocess.run([*PROGRAM, "--home", str(home), *words], check=True, capture_output=True)


def memory(sink: Sink, folder: Path, peers: float) -> list[bool]:
    """Idle, with 10,000 waiting, and while a mail of 100 MB passes."""
    more = '[[relay.listeners]]\nlisten = "{listen}"\nsize_limit = 200000000\n'
    with outmail(sink, more, folder) as ours:
        idle = ours.memory()
        met = [told(f"memory idle ({idle:.0f} MB) against Postfix under load ({peers:.0f} MB), ratio",
                    idle / peers, "", 0.4)]  # fmt: skip
        hand_in(ours.port, 200)
        loaded = ours.memory()
        met.append(told(f"the same after some mails ({loaded:.0f} MB), ratio", loaded / peers, "", 0.4))
        run(folder, "pause")
        hand_in(ours.port, 10_000)
        met.append(told("memory with 10,000 waiting, more than before", ours.memory() - loaded, " MB", 10))
        run(folder, "resume")
        sink.wait(sink.taken + 9_000)
        base, before, most = ours.memory(), sink.taken, 0.0
        large = b"From: foo@example.test\r\nSubject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * (LARGE // 78)
        sender = subprocess.Popen(
            [sys.executable, "-c", _SEND, str(ours.port)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert sender.stdin is not None
        sender.stdin.write(large)
        sender.stdin.close()
        while sender.poll() is None or sink.taken == before:
            most = max(most, ours.memory())
            time.sleep(0.02)
        met.append(told("memory while a mail of 100 MB passes, more than before", most - base, " MB", 60))
    return met


_SEND = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=300) as client:
    client.sendmail("foo@example.test", ["bar@example.test"], sys.stdin.buffer.read())
"""


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port where nobody ever answers: its backlog is full."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        yield int(hole.getsockname()[1])


def failover(sink: Sink, healthy: Peer) -> list[bool]:
    """The primary is a black hole, the alternate is the sink."""
    other = f'[[profiles.bench.smtp.alternates]]\nhost = "127.0.0.1"\nport = {sink.port}\nsecurity = "none"\n'
    with black_hole() as port, outmail(sink, other, primary=port) as ours:
        first = send(ours, 1, 1, 2048)
        pairs = [[send(peer, 1, 1, 2048) for peer in (ours, healthy)] for _ in range(20)]
    later = statistics.median(a / b for a, b in pairs)
    return [
        told("primary a black hole: the first mail", first, " s", 2),
        told("the later ones against a healthy route, ratio", later, "", 1.5),
    ]


def kill(sink: Sink, folder: Path) -> bool:
    """From the start after kill -9 until the first mail that waited has arrived."""
    seconds = []
    with outmail(sink, "", folder) as ours:
        run(folder, "pause")
        hand_in(ours.port, 200)
        run(folder, "resume")
        ours.process.send_signal(signal.SIGKILL)
        ours.process.wait()
        sink.wait(sink.taken)
        time.sleep(0.5)  # what was under way has arrived
        for _ in range(5):
            before = sink.taken
            began = time.perf_counter()
            ours.start()
            hand_in(ours.port, 1)
            sink.wait(before + 1)
            seconds.append(time.perf_counter() - began)
            ours.process.send_signal(signal.SIGKILL)
            ours.process.wait()
        ours.start()
    return told("after kill -9, from the start until mail goes out", statistics.median(seconds), " s", 2)


def main() -> int:
    """Print every row; 1 where a goal is missed."""
    sink = Sink()
    folder = Path(tempfile.mkdtemp(prefix="outmail-bench-"))
    try:
        with outmail(sink) as ours, postfix(sink) as theirs:
            met = [latency(ours, theirs), *failover(sink, ours)]
            send(theirs, 1000, 50, 2048)
            peers = theirs.memory()
        met += memory(sink, folder / "memory", peers)
        met.append(kill(sink, folder / "kill"))
    finally:
        sink.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
