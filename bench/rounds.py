"""Two things timed in turn, so that a machine that slows down slows both; prints one row."""

from __future__ import annotations

import statistics
from collections.abc import Callable

ROUNDS = 5


def compare(row: str, ours: Callable[[], float], peer: Callable[[], float], goal: float | None) -> bool:
    """Time ours and the peer's alternately after one warm-up each; True when the goal is met;
    without a goal the row is for information.

    Both callables return seconds. The ratio is the median of the rounds' ratios.
    """
    ours()
    peer()
    pairs = [(ours(), peer()) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    met = goal is None or ratio <= goal
    told = "no goal" if goal is None else f"goal {goal}: {'met' if met else 'MISSED'}"
    print(
        f"{row}: {mine:.0f} ms against {theirs:.0f} ms, ratio {ratio:.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {told}"
    )
    return met
