"""Graph as a way out: memory while 150 MB pass, and a thousand mails at a service that takes its time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
from relay_peers import PROGRAM, Peer, await_port, free_port  # noqa: E402 - found by the line above

LATENCY = 0.1
MAILS = 1000
AT_ONCE = 4
LARGE = 149 * 1024 * 1024
SENDER, RECIPIENT = "support@practice.test", "bar@example.test"

_PROFILE = """\
[profiles.bench]
protocol = "graph"
from_address = "{sender}"
[profiles.bench.graph]
endpoint = "{endpoint}"
[profiles.bench.auth]
method = "oauth"
username = "{sender}"
[profiles.bench.auth.oauth]
grant = "client-credentials"
tenant = "{tenant}"
client_id = "{client_id}"
client_secret = "{secret}"
token_url = "{token_url}"
scopes = ["https://graph.microsoft.com/.default"]
[profiles.bench.tls]
ca_file = "{ca_file}"
[relay]
[[relay.listeners]]
listen = "127.0.0.1:{port}"
size_limit = 200000000
"""

_SEND = """
import smtplib, sys
port, size, sender, recipient = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
head = (b"From: %s\\r\\nTo: %s\\r\\nSubject: x\\r\\nMIME-Version: 1.0\\r\\n"
        b'Content-Type: multipart/mixed; boundary="b"\\r\\n\\r\\n--b\\r\\n\\r\\ntext\\r\\n--b\\r\\n'
        b"Content-Type: application/octet-stream\\r\\nContent-Transfer-Encoding: base64\\r\\n"
        b"Content-Disposition: attachment; filename=large.bin\\r\\n\\r\\n")
head %= sender.encode(), recipient.encode()
body = head + (b"QUJD" * 19 + b"\\r\\n") * (size // 78) + b"--b--\\r\\n"
with smtplib.SMTP("127.0.0.1", port, timeout=300) as client:
    client.sendmail(sender, [recipient], body)
"""


async def serve(folder: Path) -> None:
    """The practice tenant, in a process of its own: says where it is, then obeys "slow" and "count"."""
    from outmail.demo.tenant import PracticeTenant

    async with PracticeTenant(folder, slow_seconds=LATENCY) as tenant:
        profile = tenant.profiles().profiles["practice-graph-app"]
        oauth = profile.auth.oauth
        assert oauth is not None
        assert oauth.client_secret is not None
        where = {
            "endpoint": tenant.graph.origin,
            "tenant": oauth.tenant,
            "client_id": oauth.client_id,
            "secret": oauth.client_secret.get_secret_value(),
            "token_url": oauth.token_url,
            "ca_file": str(tenant.ca_file),
        }
        print(json.dumps(where), flush=True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line == "slow":
                tenant.set_fault("graph", "slow")
            print(tenant._mailbox.count, flush=True)


class Tenant:
    """The practice tenant's process."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.where: dict[str, str] = json.loads(self.process.stdout.readline())

    def say(self, word: str) -> int:
        """How many mails it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self, count: int) -> None:
        """Until it has so many."""
        while self.say("count") < count:
            time.sleep(0.02)

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def relay(tenant: Tenant, home: Path) -> Iterator[Peer]:
    """A relay that sends everything through the tenant's Graph."""
    port = free_port()
    settings = _PROFILE.format(sender=SENDER, port=port, **tenant.where)
    subprocess.run(
        [*PROGRAM, "--home", str(home), "profile", "import", "-"],
        input=settings,
        text=True,
        check=True,
        capture_output=True,
    )
    process = subprocess.Popen([*PROGRAM, "--home", str(home), "relay"], stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        yield Peer(port, process.pid, None)  # type: ignore[arg-type]  # no sink is asked
    finally:
        process.terminate()
        process.wait()


def memory(tenant: Tenant, ours: Peer) -> bool:
    """While one large mail comes in, is looked at, and goes out in pieces."""
    hand_in(ours.port, 20)
    tenant.wait(20)
    idle, most = ours.memory(), 0.0
    words = [str(ours.port), str(LARGE), SENDER, RECIPIENT]
    sender = subprocess.Popen([sys.executable, "-c", _SEND, *words])
    while sender.poll() is None or tenant.say("count") < 21:
        most = max(most, ours.memory())
        time.sleep(0.02)
    met = most - idle <= 60
    print(
        f"memory while a mail of {LARGE // 2**20} MB passes to Graph: + {most - idle:.0f} MB "
        f"on {idle:.0f} MB, goal 60 MB: {'met' if met else 'MISSED'}"
    )
    return met


def throughput(tenant: Tenant, ours: Peer) -> bool:
    """A thousand mails that wait, at four at once and a tenth of a second each."""
    before = tenant.say("slow")
    began = time.perf_counter()
    hand_in(ours.port, MAILS)
    tenant.wait(before + MAILS)
    seconds, least = time.perf_counter() - began, MAILS * LATENCY / AT_ONCE
    met = seconds / least <= 1.1
    print(
        f"{MAILS} mails over Graph, {AT_ONCE} at once, {LATENCY * 1000:.0f} ms each: {seconds:.1f} s against "
        f"{least:.1f} s, ratio {seconds / least:.2f}, goal 1.1: {'met' if met else 'MISSED'}"
    )
    return met


def hand_in(port: int, count: int) -> None:
    """On one connection."""
    mail = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: x\r\n\r\n".encode() + b"x" * 2000 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        for _ in range(count):
            client.sendmail(SENDER, [RECIPIENT], mail)


def main() -> int:
    """Print every row; 1 where a goal is missed."""
    folder = Path(tempfile.mkdtemp(prefix="outmail-bench-graph-"))
    tenant = Tenant(folder / "practice")
    try:
        with relay(tenant, folder / "home") as ours:
            met = [memory(tenant, ours), throughput(tenant, ours)]
    finally:
        tenant.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(met) else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(Path(sys.argv[1])))
        sys.exit(0)
    sys.exit(main())
