"""A client's path names something below the directory, or is refused; conditions are those of RFC 9110."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.model.file_errors import InvalidPath
from interpreterd.model.files import ANY, ANYHOW, NAME_LIMIT_BYTES, FileCondition, path_parts


@pytest.mark.parametrize("path", ["a", "a/b.txt", "...", "a b/é", "caf\udce9", "~", "a\\b", "C:x", "x" * 255])
def test_a_path_has_parts(path: str) -> None:
    assert "/".join(path_parts(path)) == path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "names between its slashes"),
        ("/etc/passwd", "relative"),
        ("//x", "relative"),
        ("..", "neither"),
        ("a/../b", "neither"),
        ("./a", "neither"),
        ("a//b", "names between"),
        ("a/", "names between"),
        ("a\0b", "NUL"),
        ("\ud800", "UTF-8"),
        ("x" * (NAME_LIMIT_BYTES + 1), "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("/".join(["x"] * 2048), "4094 bytes"),
    ],
)
def test_what_is_no_path_below_is_refused(path: str, why: str) -> None:
    with pytest.raises(InvalidPath, match=f"^path must .*{why}"):
        path_parts(path)


@given(st.text() | st.binary().map(os.fsdecode))
def test_any_text_is_a_path_below_or_is_refused(path: str) -> None:
    try:
        parts = path_parts(path)
    except InvalidPath:
        return
    assert not {"", ".", ".."} & set(parts)
    assert not any("/" in part or "\0" in part for part in parts)
    assert os.path.normpath(path) == path.removeprefix("./")


@pytest.mark.parametrize(
    ("condition", "etags"),
    [
        (ANYHOW, ["a", "b", None]),
        (FileCondition(match=frozenset({"a"})), ["a"]),
        (FileCondition(match=frozenset({ANY})), ["a", "b"]),
        (FileCondition(match=frozenset()), []),
        (FileCondition(none_match=frozenset({"a"})), ["b", None]),
        (FileCondition(none_match=frozenset({ANY})), [None]),
        (FileCondition(match=frozenset({ANY}), none_match=frozenset({"b"})), ["a"]),
    ],
)
def test_a_condition_holds_for_some(condition: FileCondition, etags: list[str | None]) -> None:
    assert [etag for etag in ("a", "b", None) if condition.holds(etag)] == etags
