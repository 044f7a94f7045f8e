"""Pictures as sixels, the pictures of DEC's terminals: bands of six rows, drawn colour by colour.

Source: VT330/VT340 Programmer Reference Manual, volume 2, chapter 14.
"""

import re
from typing import Final

from interpreterd.cli.png import Bitmap

SIDE_LIMIT: Final = 1024  # pixels; a larger picture shows every second, third ... pixel
COLOURS_LIMIT: Final = 256
_BITS: Final = ((8, 8, 8), (6, 6, 6), (5, 5, 5), (4, 4, 4), (3, 3, 3), (3, 3, 2))  # the last has 256 colours at most
_LEVELS: Final = {bits: bytes(value >> (8 - bits) for value in range(256)) for bits in range(2, 9)}
_RUN: Final = re.compile(rb"(.)\1{3,}", re.DOTALL)
_BAND: Final = 6  # rows


def sixels(bitmap: Bitmap) -> str:
    """Return the escape sequence that draws ``bitmap``, which has at most ``SIDE_LIMIT`` pixels a side then.

    Its length is at most a few characters a pixel, because each pixel is in at most one run.
    """
    step = -(-max(bitmap.width, bitmap.height) // SIDE_LIMIT)
    width, height = -(-bitmap.width // step), -(-bitmap.height // step)
    colours, pixels = _indexed(_channels(bitmap, step))
    rows = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    parts = [b'\033Pq"1;1;%d;%d' % (width, height)]
    parts += (b"#%d;2;%d;%d;%d" % (number, *colour) for number, colour in enumerate(colours))
    parts.append(b"-".join(_band(rows[start : start + _BAND]) for start in range(0, height, _BAND)))
    return b"".join((*parts, b"\033\\")).decode()


def _channels(bitmap: Bitmap, step: int) -> list[bytes]:
    """Return the red, green and blue of every ``step``-th pixel of every ``step``-th row."""
    stride = 3 * bitmap.width
    starts = range(0, len(bitmap.rgb), stride * step)
    return [b"".join(bitmap.rgb[at + channel : at + stride : 3 * step] for at in starts) for channel in range(3)]


def _indexed(channels: list[bytes]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Return a palette, in per cent of red, green and blue, and each pixel's number in it.

    Colours lose their lowest bits until there are few enough.
    """
    for bits in _BITS:
        coarse = [it.translate(_LEVELS[bit]) for it, bit in zip(channels, bits, strict=True)]
        distinct = set(zip(*coarse, strict=True))
        if len(distinct) <= COLOURS_LIMIT:
            palette = sorted(distinct)
            numbers = {colour: number for number, colour in enumerate(palette)}
            per_cent = [tuple(_per_cent(value, bit) for value, bit in zip(it, bits, strict=True)) for it in palette]
            return per_cent, [numbers[it] for it in zip(*coarse, strict=True)]
    raise AssertionError("8 bits are 256 colours at most")


def _per_cent(level: int, bits: int) -> int:
    return round(level * 100 / ((1 << bits) - 1))


def _band(rows: list[list[int]]) -> bytes:
    """Return up to six rows: for each colour, a character for each column, whose bits are the rows."""
    planes: dict[int, bytearray] = {}
    width = len(rows[0])
    for number, row in enumerate(rows):
        bit = 1 << number
        for column, colour in enumerate(row):
            plane = planes.get(colour)
            if plane is None:
                plane = planes[colour] = bytearray(b"?") * width
            plane[column] += bit
    return b"$".join(b"#%d%b" % (colour, _runs(plane)) for colour, plane in planes.items())


def _runs(plane: bytearray) -> bytes:
    return _RUN.sub(lambda run: b"!%d%b" % (len(run[0]), run[1]), plane.rstrip(b"?"))
