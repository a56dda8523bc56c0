"""Cuts a client's bytes into pieces, as a network does."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

cuts = st.lists(st.integers(0, 100_000), max_size=20)
"""Where to cut; taken modulo the length."""


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut there."""
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]
