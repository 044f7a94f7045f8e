"""The memory of real processes, with files in memory that they have mapped, or not."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from interpreterd.model.limits import Limits
from interpreterd.processes.measurement import Measurement
from interpreterd.processes.usage import Snapshot
from interpreterd.workers import watcher
from interpreterd.workers.watcher import Excess, Watch

MIB = 1 << 20
Start = Callable[[str], int]
WRITTEN = "import os, mmap\nfd = os.memfd_create('a')\nfor _ in range(64): os.write(fd, bytes(1 << 20))\n"
FAMILIES = {
    "written": WRITTEN,
    "written and mapped": WRITTEN + "m = mmap.mmap(fd, 64 << 20); sum(m[::4096])",
    "mapped in part": WRITTEN + "m = mmap.mmap(fd, 8 << 20); sum(m[::4096])",
    "mapped by a child": WRITTEN + "if not os.fork():\n    m = mmap.mmap(fd, 64 << 20); sum(m[::4096]); say()",
    "mapped twice": WRITTEN + "m = [mmap.mmap(fd, 64 << 20) for _ in range(2)]; [sum(n[::4096]) for n in m]",
}


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that runs code in a process of its own, up to the call of its function ``say``."""
    started = []

    def start(code: str) -> int:
        body = f"import sys\ndef say():\n    print(flush=True); input(); sys.exit()\n{code}"
        last = "import os; os.wait()" if "fork" in code else "say()"
        command = [sys.executable, "-I", "-c", f"{body}\n{last}"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process.pid

    yield start
    for process in started:
        process.communicate(b"\n")


def measured_bytes(pid: int, limit_bytes: int | None = None) -> int:
    measurement = Measurement(Snapshot().family(pid), limit_bytes, budget_s=60)
    assert measurement.go_on()
    return measurement.bytes


@pytest.mark.parametrize("code", FAMILIES.values(), ids=FAMILIES)
def test_a_file_in_memory_counts_once_however_it_is_used(start: Start, code: str) -> None:
    assert 64 * MIB < measured_bytes(start(code)) < 100 * MIB


def test_a_limit_between_what_is_certain_and_what_is_possible_is_judged_exactly(start: Start) -> None:
    pid = start(FAMILIES["written and mapped"])
    assert measured_bytes(pid, 100 * MIB) <= 100 * MIB, "64 MiB are mapped and in a file, and count once"
    assert measured_bytes(pid, 60 * MIB) > 60 * MIB


def test_a_watch_finds_memory_that_is_not_resident(start: Start) -> None:
    told: list[Excess] = []
    watch = Watch(start(WRITTEN), Limits(memory_bytes=48 * MIB), told.append)
    assert watch.judge(Snapshot(), 10 * MIB) is None
    assert watch.measurement() is None, "resident memory is small, and nobody has hidden any"
    assert watch.judge(Snapshot(), 74 * MIB) is None
    measurement = watch.measurement()
    assert measurement is not None
    assert measurement.go_on()
    assert watch.judge_memory(measurement) == Excess("memory limit of 48 MiB exceeded")


def test_a_watch_looks_for_hidden_memory_now_and_then(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have freed as much as it has hidden."""
    watch = Watch(start(WRITTEN), Limits(memory_bytes=48 * MIB), lambda excess: None)
    watch.judge(Snapshot(), 74 * MIB)
    monkeypatch.setattr(watcher, "HIDDEN_EVERY_S", 1e9)
    watch.judge(Snapshot(), 74 * MIB)
    assert watch.measurement() is None
    monkeypatch.setattr(watcher, "HIDDEN_EVERY_S", 0)
    watch.judge(Snapshot(), 74 * MIB)
    assert watch.measurement() is not None
    watch.judge(Snapshot(), 20 * MIB)
    assert watch.measurement() is None, "the whole machine has not enough hidden"
