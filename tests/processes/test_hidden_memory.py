"""Files in memory, which are in no process's resident memory, and swapped memory."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreterd.processes import hidden_memory
from interpreterd.processes.hidden_memory import HiddenMemory, most_hidden_bytes, not_counted

MIB = 1 << 20
OWN = os.getpid()


def look() -> HiddenMemory:
    hidden = HiddenMemory()
    hidden.look_at(OWN)
    return hidden


@pytest.fixture
def memfd() -> Iterator[int]:
    """Yield a file of memfd_create(2) that takes up 8 MiB."""
    fd = os.memfd_create("test")
    os.write(fd, bytes(8 * MIB))
    yield fd
    os.close(fd)


@pytest.mark.parametrize("deleted", [True, False])
def test_a_file_in_shared_memory_counts_while_it_is_open(deleted: bool) -> None:
    path = Path(f"/dev/shm/interpreterd-test-{OWN}")
    before = look().bytes
    with path.open("wb", 0) as file:
        try:
            file.write(bytes(8 * MIB))
            if deleted:
                path.unlink()
            assert look().bytes - before == 8 * MIB
        finally:
            path.unlink(missing_ok=True)
    assert look().bytes == before


def test_a_memfd_counts_once_and_only_what_it_has(memfd: int) -> None:
    with_one = look().bytes
    again, sparse = os.dup(memfd), os.memfd_create("sparse")
    try:
        os.ftruncate(sparse, 1 << 40)
        assert look().bytes == with_one
        hidden = look()
        hidden.look_at(OWN)
        assert hidden.bytes == with_one, "the next process has the same file"
    finally:
        os.close(again)
        os.close(sparse)


def test_files_of_the_daemon_do_not_count(memfd: int) -> None:
    with_it, found = look().bytes, os.fstat(memfd)
    not_counted.add((found.st_dev, found.st_ino))
    try:
        assert with_it - look().bytes == 8 * MIB
    finally:
        not_counted.remove((found.st_dev, found.st_ino))


def test_a_mapped_part_is_known(memfd: int) -> None:
    before = look().mapped_bytes(OWN)
    with mmap.mmap(memfd, 8 * MIB) as mapped:
        sum(mapped[: 3 * MIB : mmap.PAGESIZE])
        grown = look().mapped_bytes(OWN) - before
    assert 3 * MIB <= grown <= 8 * MIB, "the kernel may map more around a page"


def test_a_shared_memory_of_its_own_counts_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's is made up here, so that the real one is another one."""
    path = Path(f"/dev/shm/interpreterd-test-{OWN}")
    real, stat = os.stat("/dev/shm"), os.stat
    monkeypatch.setattr(hidden_memory.os, "stat", lambda path: stat(tmp_path if path == "/dev/shm" else path))
    path.write_bytes(bytes(8 * MIB))
    try:
        hidden = look()
        assert hidden.files[real.st_dev, None] >= 8 * MIB
        assert [inode for device, inode in hidden.files if device == real.st_dev] == [None]
    finally:
        path.unlink()


def test_the_machine_has_at_least_what_a_process_hides(memfd: int) -> None:
    assert most_hidden_bytes() >= 8 * MIB


def test_swapped_memory_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = look().bytes
    made_up = {"/proc/swaps": "Filename\n/swap file\n", f"/proc/{OWN}/status": "Name:\tx\nVmSwap:\t    5 kB\n"}
    for name, text in made_up.items():
        (tmp_path / name.replace("/", "-")).write_text(text)
    monkeypatch.setattr(
        hidden_memory,
        "open",
        lambda path, *args: open(tmp_path / path.replace("/", "-") if path in made_up else path, *args),  # noqa: SIM115
        raising=False,
    )
    assert look().bytes - before == 5 << 10


def test_a_process_that_is_gone_hides_nothing() -> None:
    hidden = HiddenMemory()
    hidden.look_at(2**22 + 1)
    assert (hidden.bytes, hidden.mapped_bytes(2**22 + 1)) == (0, 0)
