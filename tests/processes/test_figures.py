"""All figures of a family: its memory in three ways, threads, processes, descriptors."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreterd.processes import figures
from interpreterd.processes.figures import measure_all, measure_disks

SHARED_BYTES = 64 << 20
# A parent with memory that its child shares, three threads, and a descriptor that both have.
PROGRAM = f"""
import os, threading, time
data = bytearray(b"x") * {SHARED_BYTES}
reader, writer = os.pipe()
over = threading.Event()
child = os.fork()
if child == 0:
    os.write(1, b"child\\n")
    os.read(reader, 1)
    os._exit(0)
for _ in range(2):
    threading.Thread(target=over.wait, daemon=True).start()
os.write(1, b"parent\\n")
input()
os.write(writer, b"x")
os.waitpid(child, 0)
"""


@pytest.fixture
def family() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert {process.stdout.readline(), process.stdout.readline()} == {b"child\n", b"parent\n"}
        yield process.pid
        process.stdin.write(b"\n")


def test_a_family_is_measured_in_every_way(family: int) -> None:
    found = measure_all([family])[family]
    assert [len(found.family), found.threads, found.is_exact] == [2, 4, True]
    assert found.resident_bytes > 2 * SHARED_BYTES, "both count it"
    assert SHARED_BYTES < found.proportional_bytes < found.resident_bytes - SHARED_BYTES / 2, "it counts once"
    assert found.unique_bytes < found.proportional_bytes - SHARED_BYTES / 2, "no process has it alone"
    assert found.descriptors >= 2 * 5, "0, 1, 2 and a pipe, in both"


def test_without_time_what_is_not_measured_counts_as_it_is(family: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FAMILY_BUDGET_S", 0.0)
    found = measure_all([family])[family]
    assert not found.is_exact
    assert found.resident_bytes == found.proportional_bytes == found.unique_bytes
    assert (found.threads, len(found.family)) == (4, 2)


def test_a_process_that_is_gone_has_no_figures() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert measure_all([process.pid]) == {}
    assert list(measure_all([process.pid, os.getpid()])) == [os.getpid()]


def test_directories_are_counted_within_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    missing = str(tmp_path / "missing")
    found = measure_disks([str(tmp_path), str(tmp_path), missing])
    assert list(found) == [str(tmp_path)]
    assert 100_000 <= found[str(tmp_path)] < 200_000
    monkeypatch.setattr(figures, "FAMILY_BUDGET_S", 0.0)
    assert measure_disks([str(tmp_path)]) == {}
