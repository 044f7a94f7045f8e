"""A copy of a directory has all that the directory has, and nothing from outside of it."""

import fcntl
import os
import socket
import stat
from pathlib import Path

import pytest

from interpreterd.files import copying
from interpreterd.files.copying import CopyBudget, TreeCopy, identity
from interpreterd.model.file_errors import DirectoryTooLarge, FileError, NoSuchFile

SHARED = b"by reference"


@pytest.fixture
def target(directory: Path) -> Path:
    return directory.parent / "copy"


def copied(directory: Path, target: Path, **more: object) -> TreeCopy:
    copy = TreeCopy(str(directory), str(target), **more)  # type: ignore[arg-type]
    for _ in copy.steps():
        pass
    return copy


def test_files_directories_and_links_are_copied_with_modes_and_times(directory: Path, target: Path) -> None:
    (directory / "d" / "e").mkdir(parents=True)
    (directory / "d" / "e" / "file").write_bytes(b"abc")
    (directory / "d" / "e" / "file").chmod(0o640)
    (directory / "relative").symlink_to("d/e/file")
    (directory / "outside").symlink_to("../secret")
    (directory / "nowhere").symlink_to("/nowhere")
    (directory / "d" / "e").chmod(0o2750)
    for path in (directory / "d" / "e" / "file", directory / "d" / "e", directory):
        os.utime(path, ns=(1_000_000_007, 2_000_000_009))
    os.utime(directory / "nowhere", ns=(3, 4), follow_symlinks=False)
    copy = copied(directory, target)
    assert copy.left == []
    assert (target / "d" / "e" / "file").read_bytes() == b"abc"
    assert stat.S_IMODE((target / "d" / "e" / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((target / "d" / "e").stat().st_mode) == 0o2750
    assert [os.readlink(target / it) for it in ("relative", "outside", "nowhere")] == [
        "d/e/file",
        "../secret",
        "/nowhere",
    ]
    for path in (target / "d" / "e" / "file", target / "d" / "e", target):
        assert path.stat().st_mtime_ns == 2_000_000_009, path
    assert (target / "nowhere").lstat().st_mtime_ns == 4


def test_what_is_written_later_into_one_of_them_is_not_in_the_other(directory: Path, target: Path) -> None:
    (directory / "file").write_bytes(b"abc")
    copied(directory, target)
    (directory / "file").write_bytes(b"changed")
    (target / "more").touch()
    assert (target / "file").read_bytes() == b"abc"
    assert os.listdir(directory) == ["file"]


def test_attributes_are_kept_and_privileges_are_not(directory: Path, target: Path) -> None:
    (directory / "file").touch()
    (directory / "file").chmod(0o6755)
    try:
        os.setxattr(directory / "file", "user.origin", b"here")
    except OSError:
        pytest.skip("this file system has no attributes")
    copied(directory, target)
    assert os.getxattr(target / "file", "user.origin") == b"here"
    assert stat.S_IMODE((target / "file").stat().st_mode) == 0o755


def test_special_files_are_left_out_and_named(directory: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "d").mkdir()
    os.mkfifo(directory / "d" / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(directory)  # a socket's path must be short
        server.bind("socket")
        copy = copied(directory, target)
    assert sorted((it.path, it.reason) for it in copy.left) == [("d/fifo", "a FIFO"), ("socket", "a socket")]
    assert sorted(str(it.relative_to(target)) for it in target.rglob("*")) == ["d"]


def test_no_more_than_a_hundred_are_named(directory: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "LEFT_LIMIT", 2)
    for number in range(3):
        os.mkfifo(directory / str(number))
    copy = copied(directory, target)
    assert (len(copy.left), copy.left_count) == (2, 3)


def test_holes_stay_holes(directory: Path, target: Path) -> None:
    with open(directory / "sparse", "wb") as file:
        file.seek(1 << 30)
        file.write(b"end")
        file.truncate((1 << 30) + (1 << 20))
    copied(directory, target, budget=CopyBudget(bytes=1 << 20))
    found = (target / "sparse").stat()
    assert found.st_size == (1 << 30) + (1 << 20)
    assert found.st_blocks <= (directory / "sparse").stat().st_blocks + 16
    with open(target / "sparse", "rb") as file:
        file.seek(1 << 30)
        assert file.read(4) == b"end\0"


def test_names_of_one_file_are_names_of_one_copy(directory: Path, target: Path) -> None:
    (directory / "a").write_bytes(b"abc")
    (directory / "d").mkdir()
    os.link(directory / "a", directory / "d" / "b")
    copied(directory, target)
    assert (target / "a").samefile(target / "d" / "b")
    assert not (target / "a").samefile(directory / "a")


def test_beyond_the_bounds_there_is_one_sentence(directory: Path, target: Path) -> None:
    for name in "abc":
        (directory / name).write_bytes(bytes(5000))
    with pytest.raises(DirectoryTooLarge, match="more than 100000 files"):
        copied(directory, target, budget=CopyBudget(files=2))
    with pytest.raises(DirectoryTooLarge, match=r"reflinks.*more than 4 GiB"):
        copied(directory, target.with_name("other"), budget=CopyBudget(bytes=10_000))


def test_copies_of_one_request_share_its_bounds(directory: Path, target: Path) -> None:
    (directory / "a").write_bytes(bytes(5000))
    budget = CopyBudget(bytes=10_000)
    copied(directory, target, budget=budget)
    copied(directory, target.with_name("second"), budget=budget)
    assert budget.bytes == 0
    with pytest.raises(DirectoryTooLarge):
        copied(directory, target.with_name("third"), budget=budget)


def test_what_is_shared_by_reference_does_not_count(
    directory: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "file").write_bytes(bytes(5000))

    def share(target: int, request: int, source: int) -> int:
        assert request == copying._FICLONE
        assert os.pread(source, 5000, 0) == bytes(5000)
        return os.pwrite(target, SHARED, 0) and 0

    monkeypatch.setattr(fcntl, "ioctl", share)
    budget = CopyBudget(bytes=0)
    copied(directory, target, budget=budget)
    assert (target / "file").read_bytes() == SHARED


def test_without_copies_in_the_kernel_bytes_are_copied(
    directory: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(18, "it leads to another device")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    monkeypatch.setattr(copying, "_CHUNK_BYTES", 1000)
    (directory / "file").write_bytes(bytes(range(250)) * 17)
    copied(directory, target)
    assert (target / "file").read_bytes() == bytes(range(250)) * 17


def test_the_copy_may_lie_within_the_directory(directory: Path) -> None:
    (directory / "file").touch()
    (directory / "other").mkdir()
    target = directory / "copy"
    copied(directory, target, others=[identity((directory / "other").stat())])
    assert os.listdir(target) == ["file"]


def test_a_directory_that_becomes_a_link_leads_nowhere(directory: Path, target: Path) -> None:
    (directory.parent / "outside").mkdir()
    (directory.parent / "outside" / "file").write_bytes(b"secret")
    for name in ("a", "b"):
        (directory / name).mkdir()
        (directory / name / "inner").mkdir()
    steps = TreeCopy(str(directory), str(target)).steps()
    next(steps)  # within one of the two
    for name in ("a", "b"):
        (directory / name).rename(directory.parent / name)
        (directory / name).symlink_to("../outside")
    for _ in steps:
        pass
    assert not list(target.rglob("file"))


def test_a_file_that_becomes_shorter_is_copied_as_far_as_it_goes(
    directory: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_CHUNK_BYTES", 4096)
    (directory / "file").write_bytes(b"x" * 20_000)
    steps = TreeCopy(str(directory), str(target)).steps()
    next(steps)
    os.truncate(directory / "file", 5000)
    for _ in steps:
        pass
    assert (target / "file").read_bytes() == b"x" * 5000


def test_directories_in_directories_are_copied_up_to_a_depth(
    directory: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "COPIED_DEPTH", 2)
    (directory / "a" / "b" / "c").mkdir(parents=True)
    copy = copied(directory, target)
    assert [it.path for it in copy.left] == ["a/b/c"]
    assert (target / "a" / "b").is_dir()


def test_a_directory_that_is_gone_cannot_be_copied(directory: Path, target: Path) -> None:
    directory.rmdir()
    with pytest.raises(NoSuchFile, match="inside"):
        copied(directory, target)


def test_no_directory_is_copied_into_one_that_exists(directory: Path, target: Path) -> None:
    target.mkdir()
    with pytest.raises(FileError):
        copied(directory, target)


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may read everything")
def test_what_may_not_be_read_is_left_out_and_named(directory: Path, target: Path) -> None:
    (directory / "closed").touch(mode=0)
    assert [(it.path, it.reason) for it in copied(directory, target).left] == [("closed", "not readable")]
