"""A worker's list of changed files is taken only if it is one."""

from typing import Any

import pytest

from interpreterd.model.errors import ProtocolError
from interpreterd.model.files import CHANGED_LIMIT, ChangedFile, ChangedFiles
from interpreterd.pipe.changes import parse_changed


def test_a_list_is_taken() -> None:
    assert parse_changed({}) is None
    body = {"files": {"files": [["a/b", 3]], "cut": True}}
    assert parse_changed(body) == ChangedFiles(files=(ChangedFile(path="a/b", size_bytes=3),), is_cut=True)


@pytest.mark.parametrize(
    "files",
    [
        [],
        1,
        {"files": []},
        {"files": [], "cut": 1},
        {"files": {}, "cut": False},
        {"files": [["a"]], "cut": False},
        {"files": [["a", True]], "cut": False},
        {"files": [["a", -1]], "cut": False},
        {"files": [["a", 1 << 60]], "cut": False},
        {"files": [[1, 1]], "cut": False},
        {"files": [["../a", 1]], "cut": False},
        {"files": [["/a", 1]], "cut": False},
        {"files": [["a", 1]] * (CHANGED_LIMIT + 1), "cut": False},
    ],
)
def test_anything_else_breaks_the_protocol(files: Any) -> None:
    with pytest.raises(ProtocolError, match="files must be"):
        parse_changed({"files": files})
