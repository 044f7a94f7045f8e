"""What an object is, as text."""

from interpreterd.dialects.jupyter.inspection import inspect_content
from interpreterd.model.looks import Inspection


def test_an_object_is_told_row_by_row() -> None:
    found = Inspection(
        found=True, name="f", type="function", signature="(x)", docstring="One.\n\nTwo.", file="/a.py", line=3
    )
    text = inspect_content(found)["data"]["text/plain"].replace("\x1b[31m", "").replace("\x1b[39m", "")
    assert [line.split(None, 1) for line in text.splitlines()[:3]] == [
        ["Signature:", "f(x)"],
        ["Type:", "function"],
        ["File:", "/a.py:3"],
    ]
    assert text.endswith("Docstring:\nOne.\n\nTwo.")


def test_nothing_found_has_no_text() -> None:
    assert inspect_content(Inspection(found=False)) == {"status": "ok", "found": False, "data": {}, "metadata": {}}
