"""A file appears whole or not at all, in its directory or nowhere."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from interpreterd.files import writing
from interpreterd.files.writing import NewFile
from interpreterd.model.errors import InterpreterError
from interpreterd.model.file_errors import (
    ConditionFailed,
    DiskFull,
    FileError,
    FileTooLarge,
    InvalidPath,
    NotADirectory,
    NotAFile,
    PathOutside,
)
from interpreterd.model.files import ANYHOW, FileCondition, FileInfo

ABSENT = FileCondition(none_match=frozenset({"*"}))


@pytest.fixture(params=["nameless", "named"], autouse=True)
def temporary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write once with O_TMPFILE, and once as on a file system that has no such files."""
    if request.param == "named":
        really = os.open

        def without_tmpfile(path: Any, flags: int, *more: Any, **keys: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            return really(path, flags, *more, **keys)

        monkeypatch.setattr(writing.os, "open", without_tmpfile)


def begun(directory: Path, path: str, condition: FileCondition = ANYHOW, **limits: int | None) -> NewFile:
    return NewFile(str(directory), path, condition, **{"size_bytes": None, "limit_bytes": None, **limits})


def put(directory: Path, path: str, content: bytes, condition: FileCondition = ANYHOW) -> tuple[FileInfo, bool]:
    file = begun(directory, path, condition)
    try:
        file.write(content)
        return file.commit()
    finally:
        file.close()


def test_a_file_is_there_once_it_is_complete(directory: Path) -> None:
    file = begun(directory, "a/b/file")
    file.write(b"one ")
    file.write(b"two")
    assert not (directory / "a").exists()
    info, is_new = file.commit()
    assert (is_new, info.path, info.size_bytes) == (True, "a/b/file", 7)
    file.close()
    assert (directory / "a" / "b" / "file").read_bytes() == b"one two"
    assert os.listdir(directory / "a" / "b") == ["file"]
    assert os.listdir(directory) == ["a"]


def test_what_is_not_committed_leaves_nothing(directory: Path) -> None:
    file = begun(directory, "a/file")
    file.write(b"one")
    file.close()
    file.close()
    assert os.listdir(directory) == []
    file = begun(directory, "file")
    del file
    assert os.listdir(directory) == []


def test_a_file_is_replaced_and_keeps_its_mode(directory: Path) -> None:
    script = directory / "script"
    script.write_bytes(b"old")
    script.chmod(0o750)
    os.link(script, directory / "other name")
    info, is_new = put(directory, "script", b"new")
    assert (is_new, script.read_bytes(), script.stat().st_mode & 0o777) == (False, b"new", 0o750)
    assert (directory / "other name").read_bytes() == b"old"  # another name of the old file
    assert sorted(os.listdir(directory)) == ["other name", "script"]
    assert info.etag


def test_a_new_file_has_the_mode_that_open_gives(directory: Path) -> None:
    (directory / "usual").touch()
    put(directory, "file", b"")
    assert (directory / "file").stat().st_mode == (directory / "usual").stat().st_mode


def test_conditions_are_those_of_the_file(directory: Path) -> None:
    info, _ = put(directory, "file", b"1", ABSENT)
    same = FileCondition(match=frozenset({info.etag}))
    with pytest.raises(ConditionFailed):
        put(directory, "file", b"2", ABSENT)
    put(directory, "file", b"3", same)
    with pytest.raises(ConditionFailed):
        put(directory, "file", b"4", same)
    with pytest.raises(ConditionFailed):
        put(directory, "nothing", b"5", FileCondition(match=frozenset({"*"})))
    assert (directory / "file").read_bytes() == b"3"
    assert os.listdir(directory) == ["file"]


def test_a_condition_must_hold_in_the_end_too(directory: Path) -> None:
    file = begun(directory, "a/file", ABSENT)
    file.write(b"late")
    put(directory, "a/file", b"first")
    with pytest.raises(ConditionFailed):
        file.commit()
    file.close()
    assert (directory / "a" / "file").read_bytes() == b"first"


def test_of_clients_with_the_same_condition_one_wins(directory: Path) -> None:
    files = [begun(directory, "file", ABSENT) for _ in range(8)]
    won: list[int] = []

    def commit(number: int) -> None:
        try:
            files[number].commit()
            won.append(number)
        except ConditionFailed:
            pass

    threads = [threading.Thread(target=commit, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()
    assert len(won) == 1
    assert os.listdir(directory) == ["file"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/x", InvalidPath),
        ("../x", InvalidPath),
        ("out/x", PathOutside),
        ("link", NotAFile),
        ("directory", NotAFile),
        ("fifo", NotAFile),
        ("file/x", NotADirectory),
        ("fifo/x", NotADirectory),
    ],
)
def test_nothing_else_is_written(directory: Path, path: str, kind: type[InterpreterError]) -> None:
    (directory / "directory").mkdir()
    (directory / "file").touch()
    (directory / "out").symlink_to("..")
    (directory / "link").symlink_to("../secret")
    os.mkfifo(directory / "fifo")
    beside = sorted(os.listdir(directory.parent))
    with pytest.raises(kind):
        put(directory, path, b"x")
    assert sorted(os.listdir(directory.parent)) == beside
    assert (directory.parent / "secret").read_bytes() == b"secret"
    assert sorted(os.listdir(directory)) == ["directory", "fifo", "file", "link", "out"]


def test_what_changes_meanwhile_is_looked_at_in_the_end(directory: Path) -> None:
    (directory / "a").mkdir()
    file, below = begun(directory, "file"), begun(directory, "a/file")
    (directory / "file").symlink_to("../secret")
    (directory / "a").rename(directory / "moved")
    (directory / "a").symlink_to("..")
    with pytest.raises(NotAFile):
        file.commit()
    with pytest.raises(PathOutside):
        below.commit()
    file.close()
    below.close()
    assert (directory.parent / "secret").read_bytes() == b"secret"
    assert sorted(os.listdir(directory.parent)) == ["inside", "secret"]


def test_directories_that_were_made_for_nothing_are_removed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = begun(directory, "a/b/file")

    def fail(*_: Any) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(NewFile, "_put_into", fail)
    with pytest.raises(FileError, match="Input/output error"):
        file.commit()
    file.close()
    assert os.listdir(directory) == []


def test_too_much_is_refused_at_once_if_its_size_is_known(directory: Path) -> None:
    with pytest.raises(FileTooLarge, match="the limit of 3 bytes"):
        begun(directory, "file", size_bytes=4, limit_bytes=3)
    with pytest.raises(DiskFull):
        begun(directory, "file", size_bytes=1 << 60)
    file = begun(directory, "file", limit_bytes=3)
    file.write(b"abc")
    with pytest.raises(FileTooLarge):
        file.write(b"d")
    file.close()
    assert os.listdir(directory) == []


def test_a_full_disk_is_one_sentence(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = begun(directory, "file")

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "write", full)
        with pytest.raises(DiskFull, match="no space left on the disk: file"):
            file.write(b"x")
    file.close()
    assert os.listdir(directory) == []
