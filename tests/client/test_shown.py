"""What the client says of results and display data."""

import pytest

from interpreterd.client import Shown
from interpreterd.model.displays import Display, Json, Result


def test_json_is_decoded_and_pictures_are_bytes() -> None:
    data = {
        "text/plain": "t",
        "text/html": "<b>",
        "image/png": "iVBO",
        "a/b+json": Json("[1]"),
        "image/svg+xml": "<s/>",
    }
    shown = Shown.of(Result(data=data, metadata=Json('{"w":1}'), execution_count=3))
    assert (shown.text, shown.html, shown.png, shown.data["a/b+json"]) == ("t", "<b>", b"\x89PN"[:3], [1])
    assert (shown.metadata, shown.execution_count, shown.display_id) == ({"w": 1}, 3, None)
    assert shown.binary("image/svg+xml") == b"<s/>"
    assert shown._repr_mimebundle_() == (shown.data, shown.metadata)
    assert len(repr(shown)) < 200


@pytest.mark.parametrize("data", [{}, {"image/png": "x"}, {"image/png": Json("1")}])
def test_what_is_not_there_or_no_picture_is_none(data: dict[str, str | Json]) -> None:
    shown = Shown.of(Display(data=data, display_id="d"))
    assert (shown.png, shown.html, shown.text, shown.display_id) == (None, None, "", "d")
