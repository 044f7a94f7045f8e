"""PNG pictures: every filter and kind that is known, and what is not."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

import pytest

from interpreterd.cli import png
from interpreterd.cli.png import Bitmap, UnsupportedPicture, decode

WIDTH, HEIGHT = 7, 6
CHANNELS = {png.GREY: 1, png.RGB: 3, png.PALETTE: 1, png.GREY_ALPHA: 2, png.RGB_ALPHA: 4}


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def picture(rows: bytes, colour: int, *more: bytes, size: tuple[int, int] = (WIDTH, HEIGHT), **header: int) -> bytes:
    """Return a picture of filtered ``rows``, which come in two chunks."""
    head = struct.pack(">IIBBBBB", *size, header.get("depth", 8), colour, 0, 0, header.get("interlace", 0))
    data = zlib.compress(rows)
    parts = chunk(b"IDAT", data[:5]) + chunk(b"IDAT", data[5:])
    return png.SIGNATURE + chunk(b"IHDR", head) + b"".join(more) + parts + chunk(b"IEND", b"")


def plain(pixels: bytes, stride: int) -> Iterator[bytes]:
    return (pixels[start : start + stride] for start in range(0, len(pixels), stride))


def filtered(pixels: bytes, stride: int, step: int, kind: int) -> bytes:
    """Filter each row with ``kind``, as the specification defines it."""
    result, above = bytearray(), bytes(stride)
    for row in plain(pixels, stride):
        result.append(kind)
        for at, value in enumerate(row):
            left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
            up = above[at]
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda it: abs(guess - it))
            result.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) & 255)
        above = row
    return bytes(result)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("colour", [png.GREY, png.RGB, png.RGB_ALPHA])
def test_every_filter_is_undone(colour: int, kind: int) -> None:
    step = CHANNELS[colour]
    pixels = bytearray(random.Random(kind).randbytes(WIDTH * HEIGHT * step))
    if colour == png.RGB_ALPHA:
        pixels[3::4] = b"\xff" * (WIDTH * HEIGHT)
    expected = b"".join(
        (pixels[at : at + 3] if step > 1 else pixels[at : at + 1] * 3) for at in range(0, len(pixels), step)
    )
    data = picture(filtered(bytes(pixels), WIDTH * step, step, kind), colour)
    assert decode(data) == Bitmap(width=WIDTH, height=HEIGHT, rgb=expected)


def test_palettes_and_transparency_are_seen_on_a_white_ground() -> None:
    palette = chunk(b"PLTE", bytes((10, 20, 30, 255, 0, 0))) + chunk(b"tRNS", b"\x00")
    assert decode(picture(b"\0\0\1", png.PALETTE, palette, size=(2, 1))).rgb == bytes((255, 255, 255, 255, 0, 0))
    half = bytes((0, 0, 0, 0, 128, 9, 8, 7, 255))
    assert decode(picture(half, png.RGB_ALPHA, size=(2, 1))).rgb == bytes((127, 127, 127, 9, 8, 7))
    assert decode(picture(bytes((0, 0, 128, 9, 255)), png.GREY_ALPHA, size=(2, 1))).rgb == bytes((127,) * 3 + (9,) * 3)


def test_a_figure_of_matplotlib_is_decoded_as_by_pillow() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    images = pytest.importorskip("PIL.Image")
    figure = figures.Figure(figsize=(2, 1.5), dpi=50)
    figure.add_subplot().plot([1, 3, 2])
    saved = io.BytesIO()
    figure.savefig(saved, format="png")
    decoded = decode(saved.getvalue())
    expected = images.open(saved).convert("RGB")
    assert (decoded.width, decoded.height, decoded.rgb) == (*expected.size, expected.tobytes())


GOOD = picture(bytes(HEIGHT * (1 + WIDTH)), png.GREY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        png.SIGNATURE,
        png.SIGNATURE + chunk(b"IEND", b""),
        png.SIGNATURE + chunk(b"IHDR", b"short") + chunk(b"IEND", b""),
        GOOD[:-12],
        GOOD[:-1],
        GOOD.replace(b"IHDR", b"IHDX"),
        picture(b"\0" * 10, png.GREY),
        picture(b"\5" + bytes(HEIGHT * (1 + WIDTH)), png.GREY),
        picture(b"\0\0", 5, size=(1, 1)),
        picture(b"\0\0\0", png.GREY, size=(1, 1), depth=16),
        picture(b"\0\0", png.GREY, size=(1, 1), interlace=1),
        picture(b"", png.GREY, size=(0, 1)),
        picture(b"", png.GREY, size=(1 << 31, 1 << 31)),
        picture(b"\0\0", png.GREY, chunk(b"tRNS", b"\0\0"), size=(1, 1)),
        picture(b"\0\1", png.PALETTE, chunk(b"PLTE", b"abc"), size=(1, 1)),
        picture(b"\0\1", png.PALETTE, size=(1, 1)),
        png.SIGNATURE + GOOD[8:33] + chunk(b"IDAT", b"no zlib") + chunk(b"IEND", b""),
    ],
)
def test_all_other_bytes_are_refused(data: bytes) -> None:
    assert decode(GOOD).rgb == bytes(3 * WIDTH * HEIGHT)
    with pytest.raises(UnsupportedPicture):
        decode(data)
