"""``mcp.answers``: a picture's data does not fill a log."""

from interpreterd.mcp.answers import PictureBlock, plural


def test_a_picture_is_short_in_a_log() -> None:
    assert repr(PictureBlock("image/png", "x" * 1000)) == "PictureBlock(mime='image/png', data=<1000 chars>)"


def test_plurals() -> None:
    assert [plural(count, "byte") for count in (0, 1, 2)] == ["0 bytes", "1 byte", "2 bytes"]
