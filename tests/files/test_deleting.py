"""What is deleted is what the path names, never what a link leads to."""

import os
from pathlib import Path

import pytest

from interpreterd.files import deleting
from interpreterd.files.deleting import delete_below
from interpreterd.model.errors import InterpreterError
from interpreterd.model.file_errors import (
    ConditionFailed,
    DirectoryNotEmpty,
    FileError,
    InvalidPath,
    NoSuchFile,
    PathOutside,
)
from interpreterd.model.files import ANYHOW, FileCondition


def run(directory: Path, path: str, condition: FileCondition = ANYHOW, *, recursive: bool = False) -> int:
    """Delete; return the number of steps."""
    return sum(1 for _ in delete_below(str(directory), path, condition, recursive=recursive))


def test_a_file_a_fifo_a_link_and_an_empty_directory_are_deleted(directory: Path) -> None:
    (directory / "file").touch()
    (directory / "directory").mkdir()
    (directory / "link").symlink_to("../secret")
    os.mkfifo(directory / "fifo")
    for name in os.listdir(directory):
        run(directory, name)
    assert os.listdir(directory) == []
    assert (directory.parent / "secret").read_bytes() == b"secret"


def test_a_directory_with_entries_is_deleted_only_as_a_whole(directory: Path) -> None:
    (directory / "d" / "e").mkdir(parents=True)
    (directory / "d" / "e" / "file").touch()
    (directory / "d" / "out").symlink_to("../..")
    with pytest.raises(DirectoryNotEmpty, match="recursive=true"):
        run(directory, "d")
    run(directory, "d", recursive=True)
    assert os.listdir(directory) == []
    assert sorted(os.listdir(directory.parent)) == ["inside", "secret"]


def test_many_entries_take_several_steps(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "d").mkdir()
    for number in range(10):
        (directory / "d" / str(number)).touch()
    monkeypatch.setattr(deleting, "STEP", 3)
    assert run(directory, "d", recursive=True) == 4
    assert os.listdir(directory) == []


def test_a_directory_that_becomes_a_link_meanwhile_is_not_followed(directory: Path) -> None:
    (directory / "d" / "e").mkdir(parents=True)
    (directory / "d" / "e" / "file").touch()
    (directory.parent / "other").mkdir()
    (directory.parent / "other" / "kept").touch()
    steps = delete_below(str(directory), "d", ANYHOW, recursive=True)
    next(steps)  # the file is deleted
    (directory / "d" / "e").rmdir()
    (directory / "d" / "e").symlink_to("../../other")
    with pytest.raises(FileError):
        list(steps)
    assert os.listdir(directory.parent / "other") == ["kept"]


def test_a_directory_that_becomes_a_link_before_its_turn_is_not_followed(directory: Path) -> None:
    for name in ("a", "b"):
        (directory / "d" / name).mkdir(parents=True)
        (directory / "d" / name / "file").touch()
    (directory.parent / "other").mkdir()
    (directory.parent / "other" / "kept").touch()
    steps = delete_below(str(directory), "d", ANYHOW, recursive=True)
    next(steps)  # one of the two is empty; the other one is known as a directory
    (waiting,) = (directory / "d").glob("*/file")
    waiting.unlink()
    waiting.parent.rmdir()
    waiting.parent.symlink_to("../../other")
    with pytest.raises(FileError):
        list(steps)
    assert os.listdir(directory.parent / "other") == ["kept"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("../secret", InvalidPath), (".", InvalidPath), ("", InvalidPath), ("out/secret", PathOutside), ("x", NoSuchFile)],
)
def test_nothing_else_is_deleted(directory: Path, path: str, kind: type[InterpreterError]) -> None:
    (directory / "out").symlink_to("..")
    with pytest.raises(kind):
        run(directory, path, recursive=True)
    assert (directory.parent / "secret").exists()


def test_only_what_the_client_knows_is_deleted(directory: Path) -> None:
    (directory / "file").touch()
    with pytest.raises(ConditionFailed):
        run(directory, "file", FileCondition(match=frozenset({"other"})))
    assert os.listdir(directory) == ["file"]


def test_a_directory_that_is_too_deep_is_refused(directory: Path) -> None:
    (directory / "/".join("d" * (deleting.DELETED_DEPTH + 2))).mkdir(parents=True)
    with pytest.raises(FileError, match="delete the inner ones first"):
        run(directory, "d", recursive=True)
    run(directory, "d/d/d", recursive=True)
    run(directory, "d", recursive=True)


def test_no_descriptor_stays_of_a_deletion_that_is_given_up(directory: Path) -> None:
    (directory / "d" / "e").mkdir(parents=True)
    before = os.listdir("/proc/self/fd")
    steps = delete_below(str(directory), "d", ANYHOW, recursive=True)
    next(steps)
    steps.close()
    assert os.listdir("/proc/self/fd") == before
