"""Sixels: what a terminal draws of them is the picture."""

import random
import re

from interpreterd.cli.png import Bitmap
from interpreterd.cli.sixel import COLOURS_LIMIT, SIDE_LIMIT, sixels


def drawn(text: str) -> tuple[list[list[int]], dict[int, tuple[int, ...]]]:
    """Draw as a terminal does: return each pixel's colour number, -1 where there is none, and the palette."""
    head = re.fullmatch(r'\033Pq"1;1;(\d+);(\d+)(.*)\033\\', text, re.DOTALL)
    assert head is not None
    width, height = int(head[1]), int(head[2])
    pixels = [[-1] * width for _ in range(height)]
    palette: dict[int, tuple[int, ...]] = {}
    colour, top, column = -1, 0, 0
    tokens = re.findall(r"#(\d+)((?:;\d+)*)|(?:!(\d+))?([?-~])|([$-])", head[3])
    for number, definition, count, sixel, move in tokens:
        if definition:
            palette[int(number)] = tuple(map(int, definition[1:].split(";")))[1:]
        elif number:
            colour = int(number)
        elif move:
            column, top = 0, top + 6 * (move == "-")
        else:
            for at in range(column, column + int(count or 1)):
                for row in range(6):
                    if (ord(sixel) - 63) >> row & 1:
                        assert pixels[top + row][at] == -1, "two colours in one place"
                        pixels[top + row][at] = colour
            column += int(count or 1)
    return pixels, palette


def test_a_picture_of_few_colours_is_drawn_as_it_is() -> None:
    colours = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (51, 102, 204)]
    some = random.Random(1)
    rows = [[some.choice(colours)] * 5 + [some.choice(colours) for _ in range(8)] for _ in range(13)]
    bitmap = Bitmap(width=13, height=13, rgb=bytes(value for row in rows for it in row for value in it))
    pixels, palette = drawn(sixels(bitmap))
    per_cent = [[tuple(round(value * 100 / 255) for value in it) for it in row] for row in rows]
    assert [[palette[number] for number in row] for row in pixels] == per_cent


def test_equal_neighbours_are_one_run() -> None:
    assert sixels(Bitmap(width=300, height=1, rgb=b"\xff" * 900)) == '\033Pq"1;1;300;1#0;2;100;100;100#0!300@\033\\'


def test_many_colours_become_256_that_are_near() -> None:
    rgb = random.Random(2).randbytes(3 * 64 * 64)
    pixels, palette = drawn(sixels(Bitmap(width=64, height=64, rgb=rgb)))
    assert len(palette) <= COLOURS_LIMIT
    shown = [value for row in pixels for number in row for value in palette[number]]
    assert max(abs(one - other * 100 / 255) for one, other in zip(shown, rgb, strict=True)) <= 26


def test_a_large_picture_shows_every_second_pixel() -> None:
    width = 2 * SIDE_LIMIT - 1
    rgb = b"".join(bytes((255 * (column % 2),)) * 3 for column in range(width)) * 3
    pixels, palette = drawn(sixels(Bitmap(width=width, height=3, rgb=rgb)))
    assert (len(pixels), len(pixels[0])) == (2, SIDE_LIMIT)
    assert set(palette.values()) == {(0, 0, 0)}
