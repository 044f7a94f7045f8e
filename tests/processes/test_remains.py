"""The files in /dev/shm that the daemon notes and removes."""

import mmap
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shared_memory import FOLDER, left
from shared_memory import name as name  # a fixture

from interpreterd.processes.remains import Remains, remove


@pytest.fixture
def family() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Yield a function that starts a process with a new open file. Each process ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(path: Path) -> subprocess.Popen[bytes]:
        code = "import os, sys; os.umask(0o077); file = open(sys.argv[1], 'x'); print(flush=True); sys.stdin.read()"
        process = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def noted(process: subprocess.Popen[bytes], remains: Remains) -> dict[int, float]:
    """Look at ``process``, end it, and return the files that it leaves: times by inode."""
    for _ in remains.note(1, [process.pid]):
        pass
    process.communicate()
    remains.settle(1)
    return dict(remains.take())


def test_another_file_of_that_name_stays(family: Callable[[Path], subprocess.Popen[bytes]], name: str) -> None:
    path = FOLDER / name
    remains = Remains()
    remains.begin(1)
    files = noted(family(path), remains)
    assert list(files) == [path.stat().st_ino]
    path.rename(path.with_name(f"other-{name}"))
    path.write_text("another")
    path.with_name(f"linked-{name}").symlink_to(path.with_name(f"other-{name}"))
    assert remove(files) is False
    assert sorted(left(name)) == [f"linked-{name}", name], "what was renamed is theirs"


def test_a_file_that_is_mapped_read_only_is_used(family: Callable[[Path], subprocess.Popen[bytes]], name: str) -> None:
    path = FOLDER / name
    remains = Remains()
    remains.begin(1)
    process = family(path)
    path.write_bytes(bytes(4096))
    files = noted(process, remains)
    with open(path, "rb") as file:
        mapping = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
    with mapping:
        assert remove(files) is True
        assert left(name) == [name]
    assert remove(files) is False
    assert not left(name)


def test_files_outside_are_not_noted(
    family: Callable[[Path], subprocess.Popen[bytes]], tmp_path: Path, name: str
) -> None:
    remains = Remains()
    remains.begin(1)
    (FOLDER / name).write_text("new, so that somebody looks")
    assert noted(family(tmp_path / name), remains) == {}
