"""A QR code in half blocks, so that a phone reads an address off a terminal.

It must never encode more than an address for people: no token and no code of the authority's own.
"""

from __future__ import annotations

QUIET = 2
"""Modules of light around the code. ISO/IEC 18004 asks for four; two are what fits beside text, and scans."""

_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def rows(text: str) -> tuple[str, ...]:
    """The code as lines of equal width, two modules a character; a drawn half is a dark module.

    Draw it dark on light whatever the terminal's own colours are: not every reader takes it inverted.
    Raises ValueError for a text that no QR code holds.
    """
    import segno

    code = segno.make(text, micro=False, error="l", boost_error=False)
    lines = [[bool(module) for module in line] for line in code.matrix_iter(border=QUIET)]
    if len(lines) % 2:
        lines.append([False] * len(lines[0]))
    return tuple(
        "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(lines[::2], lines[1::2], strict=True)
    )
