"""A listing is sorted, follows no link, and goes on where it ended."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from interpreterd.files import listing
from interpreterd.files.listing import list_files
from interpreterd.model.file_errors import FileError, InvalidPath, NoSuchFile

TREE = ("a/x", "a.txt", "a/b/y", "b/z.csv", "z.csv", "B")


@pytest.fixture
def tree(directory: Path) -> str:
    for name in TREE:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(b"1")
    return str(directory)


def paths(directory: str, glob: str | None = None) -> list[str]:
    """Return all pages of a listing."""
    found: list[str] = []
    after = None
    while True:
        page = list_files(directory, glob, after)
        found += [info.path for info in page.files]
        if page.next is None:
            return found
        after = page.next


EVERYTHING = ["B", "a", "a/b", "a/b/y", "a/x", "a.txt", "b", "b/z.csv", "z.csv"]


def test_everything_is_listed_sorted_by_its_parts(tree: str) -> None:
    assert paths(tree) == paths(tree, "**") == EVERYTHING


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*", ["B", "a", "a.txt", "b", "z.csv"]),
        ("**/*.csv", ["b/z.csv", "z.csv"]),
        ("a/**", ["a", "a/b", "a/b/y", "a/x"]),
    ],
)
def test_a_pattern_selects(tree: str, glob: str, found: list[str]) -> None:
    assert paths(tree, glob) == found


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("glob", [None, "**/*.csv", "*"])
def test_pages_of_any_size_have_the_same_files(
    tree: str, limit: int, glob: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = paths(tree, glob)
    monkeypatch.setattr(listing, "PAGE_LIMIT", limit)
    assert len(list_files(tree, glob, None).files) == min(limit, len(expected))
    assert paths(tree, glob) == expected


def test_a_page_ends_when_it_takes_long(tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "TIME_LIMIT_S", 0)
    page = list_files(tree, "**/*.csv", None)
    assert (page.files, page.next) == ([], "a")  # which may lead to a match
    assert paths(tree, "**/*.csv") == ["b/z.csv", "z.csv"]


def test_a_page_ends_when_its_paths_are_long(tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_LIMIT_BYTES", 1)
    assert [info.path for info in list_files(tree, None, None).files] == ["B"]


@pytest.mark.parametrize(
    ("after", "first"), [("a/b", "a/b/y"), ("a/c", "a/x"), ("a.a", "a.txt"), ("B/gone/x", "a"), ("zz", None)]
)
def test_a_position_need_not_be_there(tree: str, after: str, first: str | None) -> None:
    assert next((info.path for info in list_files(tree, None, after).files), None) == first


def test_links_and_what_is_no_file_are_listed_and_not_followed(directory: Path) -> None:
    (directory / "link").symlink_to("..")
    os.mkfifo(directory / "fifo")
    kinds = [(info.path, info.kind) for info in list_files(str(directory), None, None).files]
    assert kinds == [("fifo", "other"), ("link", "symlink")]


def test_a_name_that_is_no_text_is_listed_and_gone_on_after(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (b"caf\xe9", b"cafz", b"100%25"):
        (directory / os.fsdecode(name)).touch()
    monkeypatch.setattr(listing, "PAGE_LIMIT", 1)
    assert paths(str(directory)) == ["100%25", "cafz", "caf\udce9"]


@pytest.mark.parametrize("after", ["..", "a//b", "/", "a/../b", "%00", "x" * 20_000])
def test_what_is_no_position(tree: str, after: str) -> None:
    with pytest.raises(InvalidPath, match="after must be"):
        list_files(tree, None, after)


def test_a_directory_with_too_many_entries_is_an_error(tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "DIRECTORY_LIMIT", 3)
    with pytest.raises(FileError, match="too many to list"):
        list_files(tree, None, None)


def test_a_deep_directory_is_listed_and_not_entered(directory: Path) -> None:
    depth = listing.LISTED_DEPTH + 5
    (directory / "/".join("d" * depth)).mkdir(parents=True)
    assert len(paths(str(directory))) == listing.LISTED_DEPTH + 1


def test_a_directory_that_is_gone(directory: Path) -> None:
    directory.rmdir()
    with pytest.raises(NoSuchFile):
        list_files(str(directory), None, None)


def test_the_position_is_the_last_path_as_in_a_url(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "a b").touch()
    (directory / "c").touch()
    monkeypatch.setattr(listing, "PAGE_LIMIT", 1)
    assert list_files(str(directory), None, None).next == quote("a b")
