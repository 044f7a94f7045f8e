"""Decoder of common PNG pictures, for terminals that want pixels.

Source: PNG (Portable Network Graphics) Specification, W3C, third edition.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from attrs import frozen

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PIXELS_LIMIT_BYTES: Final = 8 << 20  # of pixels with their filters: a few seconds of work
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_CHANNELS: Final = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
_OPAQUE: Final = 255


@frozen
class Bitmap:
    """Pixels without transparency.

    Attributes:
        rgb: Three bytes a pixel, row after row.
    """

    width: int
    height: int
    rgb: bytes


class UnsupportedPicture(Exception):
    """The bytes are not a PNG picture, or not one of a kind that ``decode`` knows."""


def decode(png: bytes) -> Bitmap:
    """Return the pixels of ``png``, on a white ground.

    Raises:
        UnsupportedPicture: It is damaged, interlaced, does not have 8 bits a channel, has one transparent colour
            (``tRNS`` outside a palette), or has more than ``PIXELS_LIMIT_BYTES`` of pixels.
    """
    chunks: dict[bytes, bytearray] = {}
    for kind, data in _chunks(png):
        chunks.setdefault(kind, bytearray()).extend(data)
    try:
        width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        channels = _CHANNELS[colour]
    except (KeyError, struct.error):
        raise UnsupportedPicture("no header of a PNG picture") from None
    size = height * (1 + width * channels)
    if depth != 8 or any(methods) or not width or not height or size > PIXELS_LIMIT_BYTES:
        raise UnsupportedPicture("interlaced, too large, or not 8 bits a channel")
    if b"tRNS" in chunks and colour != PALETTE:
        raise UnsupportedPicture("one colour is transparent")
    pixels = _unfiltered(_inflated(bytes(chunks.get(b"IDAT", b"")), size), width * channels, channels)
    if colour == PALETTE:
        pixels = _looked_up(pixels, bytes(chunks.get(b"PLTE", b"")), bytes(chunks.get(b"tRNS", b"")))
        colour = RGB_ALPHA
    return Bitmap(width=width, height=height, rgb=_opaque(pixels, colour))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not png.startswith(SIGNATURE):
        raise UnsupportedPicture("no PNG picture")
    at = len(SIGNATURE)
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        body, check = png[at + 4 : at + 8 + length], png[at + 8 + length : at + 12 + length]
        if zlib.crc32(body) != int.from_bytes(check, "big") or len(check) < 4:
            raise UnsupportedPicture("a damaged PNG picture")
        if body[:4] == b"IEND":
            return
        yield body[:4], body[4:]
        at += 12 + length
    raise UnsupportedPicture("a PNG picture without its end")


def _inflated(data: bytes, size: int) -> bytes:
    try:
        rows = zlib.decompressobj().decompress(data, size)
    except zlib.error:
        raise UnsupportedPicture("damaged pixels") from None
    if len(rows) != size:
        raise UnsupportedPicture("too few pixels")
    return rows


def _unfiltered(rows: bytes, stride: int, step: int) -> bytes:
    """Undo the filter of each row; ``step`` is the number of bytes of a pixel."""
    pixels = bytearray()
    above = bytes(stride)
    for start in range(0, len(rows), stride + 1):
        above = _row(rows[start], rows[start + 1 : start + 1 + stride], above, step)
        pixels += above
    return bytes(pixels)


def _row(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    if kind == 0:
        return row
    if kind == 1:
        return _sub(row, step)
    if kind == 2:
        return bytes((value + up) & 255 for value, up in zip(row, above, strict=True))
    if kind == 3:
        return _average(row, above, step)
    if kind == 4:
        return _paeth(row, above, step)
    raise UnsupportedPicture("an unknown filter")


def _sub(row: bytes, step: int) -> bytes:
    result = bytearray(len(row))
    for channel in range(step):
        result[channel::step] = bytes(value & 255 for value in accumulate(row[channel::step]))
    return bytes(result)


def _average(row: bytes, above: bytes, step: int) -> bytes:
    result = bytearray(step) + row  # with a black pixel on the left
    for at, up in enumerate(above):
        result[at + step] = (result[at + step] + ((result[at] + up) >> 1)) & 255
    return bytes(result[step:])


def _paeth(row: bytes, above: bytes, step: int) -> bytes:
    result = bytearray(step) + row
    corners = bytes(step) + above
    for at, up in enumerate(above):
        left, corner = result[at], corners[at]
        to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        other = up if to_up <= to_corner else corner
        nearest = left if to_left <= to_up and to_left <= to_corner else other
        result[at + step] = (result[at + step] + nearest) & 255
    return bytes(result[step:])


def _looked_up(indexes: bytes, palette: bytes, alphas: bytes) -> bytes:
    """Return red, green, blue and alpha of each index."""
    if len(palette) % 3 or max(indexes) >= len(palette) // 3:
        raise UnsupportedPicture("a colour that is not in the palette")
    colours = [
        palette[3 * number : 3 * number + 3] + (alphas[number : number + 1] or bytes((_OPAQUE,)))
        for number in range(len(palette) // 3)
    ]
    return b"".join([colours[index] for index in indexes])


def _opaque(pixels: bytes, colour: int) -> bytes:
    """Return ``pixels`` as RGB, on a white ground."""
    if colour == RGB:
        return pixels
    step = _CHANNELS[colour]
    alphas = pixels[step - 1 :: step] if colour in (GREY_ALPHA, RGB_ALPHA) else b""
    rgb = bytearray(len(pixels) // step * 3)
    for channel in range(3):
        values = pixels[channel if colour == RGB_ALPHA else 0 :: step]
        if alphas.count(_OPAQUE) != len(alphas):
            values = bytes(255 - (255 - value) * alpha // 255 for value, alpha in zip(values, alphas, strict=True))
        rgb[channel::3] = values
    return bytes(rgb)
