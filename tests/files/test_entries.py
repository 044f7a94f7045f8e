"""The description of a file: its kind, and an etag that changes with it."""

import os
from pathlib import Path

import pytest

from interpreterd.files.entries import check_regular, described
from interpreterd.model.file_errors import NotAFile


def test_the_kind_is_that_of_the_file(directory: Path) -> None:
    (directory / "file").write_bytes(b"abc")
    (directory / "link").symlink_to("file")
    os.mkfifo(directory / "fifo")
    kinds = [described(name, os.lstat(directory / name)).kind for name in ("file", ".", "link", "fifo")]
    assert kinds == ["file", "directory", "symlink", "other"]


def test_each_change_changes_the_etag(directory: Path) -> None:
    file = directory / "file"
    etags = set()
    for content in (b"a", b"b", b"bb"):
        file.write_bytes(content)
        os.utime(file, ns=(0, len(etags)))
        etags.add(described("file", os.stat(file)).etag)
    assert len(etags) == 3
    assert described("file", os.stat(file)) == described("file", os.stat(file))


@pytest.mark.parametrize("moment", [-(2**31), 0, 2**33])
def test_any_time_that_a_program_sets_is_shown(directory: Path, moment: int) -> None:
    os.utime(directory, (moment, moment))
    assert described(".", os.stat(directory)).modified_at == moment


def test_a_time_that_no_calendar_has_is_brought_into_it() -> None:
    values = [0] * 19
    found = os.stat_result(values[:10], {"st_mtime_ns": 10**30, "st_ctime_ns": 0})
    assert described("x", found).modified_at == 253_402_300_799


def test_only_a_regular_file_passes(directory: Path) -> None:
    (directory / "file").touch()
    check_regular("file", os.stat(directory / "file"))
    with pytest.raises(NotAFile, match="it is a directory: x"):
        check_regular("x", os.stat(directory))
