"""The logos are pictures of their sizes."""

import struct
import zlib
from xml.etree import ElementTree

import pytest

from interpreterd.dialects.jupyter.logos import LOGOS


@pytest.mark.parametrize("size", [32, 64])
def test_a_png_has_the_size_of_its_name(size: int) -> None:
    kind, data = LOGOS[f"logo-{size}x{size}.png"]
    assert kind == "image/png"
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">2I", data[16:24]) == (size, size)
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    assert len(zlib.decompress(data[start + 4 : start + 4 + length])) == size * (4 * size + 1)


def test_the_svg_is_a_picture() -> None:
    kind, data = LOGOS["logo-svg.svg"]
    root = ElementTree.fromstring(data)
    assert (kind, root.tag.rpartition("}")[2]) == ("image/svg+xml", "svg")
