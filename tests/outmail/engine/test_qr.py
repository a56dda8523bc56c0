"""The QR code: its modules are read back by the standard's own rules, with another reader than made them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outmail.engine.qr import QUIET, rows

_DARK = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda r, c: (r + c) % 2 == 0,
    lambda r, c: r % 2 == 0,
    lambda r, c: c % 3 == 0,
    lambda r, c: (r + c) % 3 == 0,
    lambda r, c: (r // 2 + c // 3) % 2 == 0,
    lambda r, c: r * c % 2 + r * c % 3 == 0,
    lambda r, c: (r * c % 2 + r * c % 3) % 2 == 0,
    lambda r, c: ((r + c) % 2 + r * c % 3) % 2 == 0,
)


def modules(lines: tuple[str, ...]) -> list[list[bool]]:
    """The dark modules without the quiet zone, which must be light all round."""
    drawn: list[list[bool]] = []
    for characters in lines:
        drawn.append([_DARK[character][0] for character in characters])
        drawn.append([_DARK[character][1] for character in characters])
    side = len(lines[0]) - 2 * QUIET
    edge = range(QUIET, QUIET + side)
    for y, line in enumerate(drawn):
        for x, dark in enumerate(line):
            assert not dark or (x in edge and y in edge)
    return [line[QUIET : QUIET + side] for line in drawn[QUIET : QUIET + side]]


def read(code: list[list[bool]]) -> str:
    """ISO/IEC 18004 for versions 1 to 5 at level L, which have one block: the text of byte mode."""
    side = len(code)
    version = (side - 17) // 4
    level_and_mask = [code[8][c] ^ bool(0b10101 >> (4 - c) & 1) for c in range(5)]
    assert level_and_mask[:2] == [False, True], "level L"
    mask = _MASKS[int("".join("01"[bit] for bit in level_and_mask[2:]), 2)]

    def function(r: int, c: int) -> bool:
        finder = (r < 9 and (c < 9 or c >= side - 8)) or (r >= side - 8 and c < 9)
        middle = side - 7
        alignment = version > 1 and abs(r - middle) <= 2 and abs(c - middle) <= 2
        return finder or alignment or 6 in {r, c}

    bits = ""
    upwards = True
    column = side - 1
    while column > 0:
        column -= column == 6  # the timing pattern's column is stepped over
        for r in range(side - 1, -1, -1) if upwards else range(side):
            for c in (column, column - 1):
                if not function(r, c):
                    bits += "01"[code[r][c] ^ mask(r, c)]
        upwards, column = not upwards, column - 2
    assert bits[:4] == "0100", "byte mode"
    length = int(bits[4:12], 2)
    return bytes(int(bits[12 + 8 * i : 20 + 8 * i], 2) for i in range(length)).decode()


@pytest.mark.parametrize(
    "address",
    [
        "https://microsoft.com/devicelogin",
        "https://www.microsoft.com/link",
        "https://www.google.com/device",
        "https://login.example.org/activate?user_code=WDJB-MJHT&ui=de",
    ],
)
def test_a_reader_gets_the_address_back(address: str) -> None:
    assert read(modules(rows(address))) == address


@pytest.mark.parametrize("address", ["https://microsoft.com/devicelogin", "https://www.microsoft.com/link"])
def test_it_fits_beside_text_in_a_small_terminal(address: str) -> None:
    lines = rows(address)
    assert len(lines) <= 18
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 36


def test_a_text_that_no_code_holds_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        rows("x" * 5000)
