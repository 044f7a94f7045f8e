"""The memory of parked copies: what each has alone, and what all together keep."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from interpreterd.processes import copied_memory
from interpreterd.processes.copied_memory import CopiedMemory, Copies, first_bytes, measure_copies

SIZE_BYTES = 64 << 20
# A process with much memory and two copies of it; told to, it changes all of that memory.
PROGRAM = f"""
import os, sys
data = bytearray(b"x") * {SIZE_BYTES}
reader, writer = os.pipe()
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        print(os.getpid(), flush=True)
        os.read(reader, 1)
        os._exit(0)
for line in sys.stdin:
    data[:] = b"y" * {SIZE_BYTES}
    print("changed", flush=True)
os.close(writer)
"""


class Original:
    """The process, and its copies."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self.pid = process.pid
        self.copies = tuple(int(self._stdout.readline()) for _ in range(2))

    def change(self) -> None:
        print(file=self._stdin, flush=True)
        assert self._stdout.readline() == "changed\n"

    def measure(self, original: int | None) -> CopiedMemory:
        found = measure_copies([Copies(original, self.copies)])[0]
        assert found is not None
        return found


@pytest.fixture
def original() -> Iterator[Original]:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Original(process)


def test_memory_that_does_not_change_is_kept_once_and_not_by_the_copies(original: Original) -> None:
    found = original.measure(original.pid)
    assert found.private_bytes.keys() == set(original.copies)
    assert max(found.private_bytes.values()) < SIZE_BYTES / 8
    assert found.kept_bytes < SIZE_BYTES / 4


def test_memory_that_only_copies_still_have_is_kept_by_all_of_them_together(original: Original) -> None:
    original.change()
    found = original.measure(original.pid)
    assert max(found.private_bytes.values()) < SIZE_BYTES / 8, "each shares it with the other"
    assert SIZE_BYTES * 7 / 8 < found.kept_bytes < SIZE_BYTES * 9 / 8


def test_without_the_original_the_copies_keep_everything(original: Original) -> None:
    assert SIZE_BYTES / 2 < original.measure(None).kept_bytes < SIZE_BYTES, "the original shares a third of it"


def test_a_process_that_is_gone_counts_as_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert measure_copies([Copies(process.pid, (process.pid,))]) == [CopiedMemory({process.pid: 0}, 0)]


def test_beyond_the_budget_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copied_memory, "COPIES_BUDGET_S", -1.0)
    assert measure_copies([Copies(None, ())]) == [None]


def test_what_a_new_copy_costs_is_found_quickly(original: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = first_bytes(original.copies[0])
    monkeypatch.setattr(copied_memory, "LARGE_BYTES", 1 << 40)
    exact = first_bytes(original.copies[0])
    assert exact / 4 < quick < 4 * exact < SIZE_BYTES
    assert first_bytes(2**22 + 1) == 0
