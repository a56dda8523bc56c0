"""Durable accept and deliver: outmail's relay against Postfix, with the same client and the same sink."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from relay_peers import Peer, Sink, outmail, postfix, send
from rounds import ROUNDS

ROWS = (  # clients, size, kept connections, messages, goal
    (1, 2048, False, 300, 1.5),
    (10, 2048, False, 1500, 2.5),
    (50, 2048, False, 1500, 3.0),
    (50, 2048, True, 2000, 3.0),
    (10, 50 * 1024, False, 800, 2.0),
    (10, 1024 * 1024, False, 150, 0.85),
)


def row(ours: Peer, theirs: Peer, *, clients: int, size: int, kept: bool, messages: int, goal: float) -> bool:
    """Time both in turn and print messages a second and their ratio; whether the goal is met."""
    pairs, cpus = [], []
    for number in range(ROUNDS + 1):
        before = ours.cpu(), theirs.cpu()
        pair = [messages / send(peer, messages, clients, size, kept=kept) for peer in (ours, theirs)]
        after = ours.cpu(), theirs.cpu()
        if number:  # the first round warms up
            pairs.append(pair)
            cpus.append((after[0] - before[0]) / max(after[1] - before[1], 0.01))
    mine, peers = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    told = "met" if ratio >= goal else "MISSED"
    print(
        f"{clients} clients, {size // 1024} KB{', kept connections' if kept else ''}: {mine:.0f}/s against "
        f"Postfix's {peers:.0f}/s, ratio {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
        f"goal {goal}: {told}; processor time {statistics.median(cpus):.2f} times Postfix's",
        flush=True,
    )
    return ratio >= goal


def main() -> int:
    """Print every row; 1 where a goal is missed."""
    sink = Sink()
    try:
        with outmail(sink) as ours, postfix(sink) as theirs:
            met = [row(ours, theirs, clients=c, size=s, kept=k, messages=m, goal=g) for c, s, k, m, g in ROWS]
    finally:
        sink.close()
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
