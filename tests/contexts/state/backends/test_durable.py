"""Files that are seen only when they are whole."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interpreterd.contexts.state.backends import durable
from interpreterd.contexts.state.backends.durable import (
    TEMPORARY,
    DurableFile,
    begin_writeback,
    disk_errors_told,
    remove_durably,
    remove_leftovers,
    write_durably,
)
from interpreterd.model.errors import OutOfResources
from interpreterd.model.file_errors import DiskFull, FileError


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_file_has_its_name_only_when_it_is_committed(directory: int, tmp_path: Path) -> None:
    file = DurableFile(directory)
    file.write(b"ab")
    file.write(memoryview(b"cd"))
    assert [it.name.startswith(TEMPORARY) for it in tmp_path.iterdir()] == [True]
    file.commit("name", replace=False)
    file.close()
    assert {it.name: it.read_bytes() for it in tmp_path.iterdir()} == {"name": b"abcd"}
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "name").stat().st_nlink == 1


def test_a_long_file_is_on_its_way_to_the_disk_while_it_is_written(
    directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def begin(fd: int, offset: int, size: int) -> None:
        begin_writeback(fd, offset, size)
        begun.append((offset, size))

    monkeypatch.setattr(durable, "WRITEBACK_BYTES", 1000)
    monkeypatch.setattr(durable, "begin_writeback", begin)
    file = DurableFile(directory)
    for _ in range(5):
        file.write(bytes(600))
    file.cut(100)
    file.write(bytes(1000))
    file.close()
    assert begun == [(0, 1200), (1200, 1200), (100, 1000)]


@pytest.mark.parametrize("replace", [True, False])
def test_a_name_is_given_to_what_is_on_the_disk_and_is_there_itself_before_that_is_told(
    directory: int, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    did = []
    for call in ("fsync", "rename", "link"):
        original = getattr(os, call)

        def noted(*arguments: Any, call: str = call, original: Any = original, **more: Any) -> None:
            did.append((call, arguments[0]) if call == "fsync" else call)
            original(*arguments, **more)

        monkeypatch.setattr(os, call, noted)
    file = DurableFile(directory)
    fd = file.fd
    file.commit("name", replace=replace)
    file.close()
    assert did == [("fsync", fd), "rename" if replace else "link", ("fsync", directory)]


def test_a_file_that_is_not_committed_leaves_nothing(directory: int, tmp_path: Path) -> None:
    file = DurableFile(directory)
    file.write(b"ab")
    file.close()
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_if_that_is_wanted(directory: int, tmp_path: Path) -> None:
    write_durably(directory, "name", b"1")
    with pytest.raises(FileExistsError):
        write_durably(directory, "name", b"2", replace=False)
    assert (tmp_path / "name").read_bytes() == b"1"
    write_durably(directory, "name", b"3")
    assert {it.name: it.read_bytes() for it in tmp_path.iterdir()} == {"name": b"3"}


def test_a_file_can_be_cut_and_go_on(directory: int, tmp_path: Path) -> None:
    file = DurableFile(directory)
    file.write(b"abcdef")
    file.cut(2)
    file.write(b"X")
    file.commit("name", replace=True)
    file.close()
    assert (tmp_path / "name").read_bytes() == b"abX"


def test_what_a_dead_writer_has_begun_is_removed_and_what_a_living_one_writes_is_not(
    directory: int, tmp_path: Path
) -> None:
    (tmp_path / f"{TEMPORARY}left").write_bytes(b"half")
    (tmp_path / "other").write_bytes(b"")
    living = DurableFile(directory)
    assert remove_leftovers(directory) == 1
    living.commit("name", replace=False)
    living.close()
    assert sorted(it.name for it in tmp_path.iterdir()) == ["name", "other"]


def test_a_file_that_is_there_can_be_removed_once(directory: int) -> None:
    write_durably(directory, "name", b"")
    assert remove_durably(directory, "name")
    assert not remove_durably(directory, "name")


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.ENOSPC, DiskFull, "no space is left on the disk for the archive"),
        (errno.EDQUOT, DiskFull, "the disk quota is exceeded for the archive"),
        (errno.EFBIG, DiskFull, "no larger file is allowed for the archive"),
        (errno.EMFILE, OutOfResources, "the daemon has too many open files"),
        (errno.EIO, FileError, "Input/output error: the archive"),
    ],
)
def test_an_error_of_the_disk_is_told_in_words(number: int, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught, disk_errors_told("the archive"):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == text


def test_a_limit_of_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    program = f"""
import os, resource
from interpreterd.contexts.state.backends.durable import DurableFile, disk_errors_told
from interpreterd.model.file_errors import DiskFull
file = DurableFile(os.open({str(tmp_path)!r}, os.O_RDONLY))
resource.setrlimit({resource.RLIMIT_FSIZE}, (1000, 1000))
try:
    with disk_errors_told("the archive"):
        file.write(bytes(2000))
except DiskFull as error:
    print(error)
file.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "no larger file is allowed for the archive\n"
    assert list(tmp_path.iterdir()) == []
