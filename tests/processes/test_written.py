"""What processes have written, and deleted files that they have open."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interpreterd.processes.written import deleted_bytes, written_bytes

MIB = 1 << 20
Start = Callable[[str], int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs code in a process in ``tmp_path``, and returns its pid; the code has ended then."""
    started = []

    def start(code: str) -> int:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", f"{code}\nprint(flush=True)\ninput()"],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process.pid

    yield start
    for process in started:
        process.communicate(b"\n")


WRITERS = {
    "calls": "open('a', 'wb').write(bytes(3 << 20))",
    "a mapping": "import mmap\nf = open('a', 'w+b'); f.truncate(3 << 20); m = mmap.mmap(f.fileno(), 3 << 20)\n"
    "m[:] = bytes(3 << 20)",
    "a child": "import os\npid = os.fork()\nif not pid: open('a', 'wb').write(bytes(3 << 20)); os._exit(0)\nos.wait()",
}


@pytest.mark.parametrize("code", WRITERS.values(), ids=WRITERS)
def test_bytes_count_however_they_are_written(start: Start, code: str) -> None:
    before, after = written_bytes([start("")]), written_bytes([start(code)])
    assert before is not None
    assert after is not None
    assert before < MIB
    assert 3 * MIB <= after < 4 * MIB


def test_a_process_that_is_gone_has_written_nothing() -> None:
    assert written_bytes([2**22 + 1]) == 0


def test_what_cannot_be_read_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError  # a superuser may look into everything

    monkeypatch.setattr("builtins.open", refuse)
    assert written_bytes([os.getpid()]) is None


def test_deleted_files_count_while_they_are_open(start: Start, tmp_path: Path) -> None:
    code = (
        "import os, tempfile\nkept = open('a', 'wb', 0); kept.write(bytes(1 << 20)); os.remove('a')\n"
        "again = os.dup(kept.fileno()); named = open('b', 'wb', 0); named.write(bytes(1 << 20))\n"
        f"anonymous = tempfile.TemporaryFile(dir={str(tmp_path)!r}, buffering=0); anonymous.write(bytes(1 << 20))\n"
    )
    pid = start(code)
    assert 2 * MIB <= deleted_bytes([pid, pid, os.getpid()], (str(tmp_path),)) < 3 * MIB
    assert deleted_bytes([pid], (tempfile.gettempdir() + "/elsewhere", str(tmp_path / "b"))) == 0
    assert deleted_bytes([2**22 + 1], (str(tmp_path),)) == 0
