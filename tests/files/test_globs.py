"""Patterns match as in a shell; ``**`` stands for any number of directories."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.files.globs import PATTERN_LIMIT_CHARS, Glob
from interpreterd.model.file_errors import InvalidPath


def matches(pattern: str, path: str) -> bool:
    glob = Glob(pattern)
    states = glob.start
    for name in path.split("/"):
        states = glob.step(states, name)
    return glob.matches(states)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.csv", ["a.csv", ".csv"], ["a.csv/b", "d/a.csv", "a.CSV"]),
        ("**", ["a", "a/b/c"], []),
        ("**/*.csv", ["a.csv", "d/a.csv", "d/e/a.csv"], ["a.txt", "d/a.csv/b"]),
        ("d/**", ["d/a", "d/a/b", "d"], ["e/d"]),
        ("d/**/x", ["d/x", "d/a/x", "d/a/b/x"], ["d", "x"]),
        ("?[ab]", ["xa", "ab"], ["a", "xc", "abc"]),
        ("**/a/**/b", ["a/b", "x/a/y/z/b"], ["b", "a"]),
    ],
)
def test_what_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes + no if matches(pattern, path)] == yes


def test_only_directories_that_may_lead_to_a_match_are_entered() -> None:
    glob = Glob("d/*.csv")
    assert not glob.step(glob.start, "e")
    inside = glob.step(glob.start, "d")
    assert glob.goes_on(inside)
    assert not glob.goes_on(glob.step(inside, "a.csv"))


@pytest.mark.parametrize(
    "pattern", ["", "/a", "a//b", "../a", "a/./b", "a\0", "x" * (PATTERN_LIMIT_CHARS + 1), "*/" * 40 + "*"]
)
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidPath, match="glob must have"):
        Glob(pattern)


@given(st.text(max_size=30), st.text(st.characters(exclude_characters="/"), min_size=1, max_size=10))
def test_any_pattern_matches_or_is_refused(pattern: str, name: str) -> None:
    with contextlib.suppress(InvalidPath):
        assert matches(pattern, name) in (True, False)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not matches("*a" * 400, "a" * 250 + "b")
