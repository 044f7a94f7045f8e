"""Memory that is slow to measure: its cost, the watches that wait, and verdicts. Processes are made up."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import cast

import pytest

from interpreterd.model.limits import Limits
from interpreterd.processes import measurement as module
from interpreterd.processes.hidden_memory import HiddenMemory
from interpreterd.processes.measurement import Measurement
from interpreterd.processes.usage import Process, Snapshot
from interpreterd.workers import watcher
from interpreterd.workers.watcher import Excess, Watch, Watcher

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")


def process(pid: int, resident: int, faults: int = 0) -> Process:
    return Process(pid=pid, started=1, cpu_s=0, reaped_s=0, resident_bytes=resident * MIB, faults=faults)


class Kernel:
    """Measures made-up processes with a made-up clock.

    Attributes:
        proportional: Proportional memory in MiB, by pid.
        cost_s: Time that one measurement takes.
        asked: Pids of the measured processes.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proportional: dict[int, int] = {}
        self.cost_s = 0.0
        self.now = 1000.0
        self.asked: list[int] = []
        monkeypatch.setattr(module, "_proportional_bytes", self._measure)
        monkeypatch.setattr(HiddenMemory, "look_at", lambda hidden, pid: None)
        monkeypatch.setattr(module.time, "thread_time", lambda: self.now)
        monkeypatch.setattr(watcher.time, "monotonic", lambda: self.now)

    def _measure(self, it: Process) -> int:
        self.asked.append(it.pid)
        self.now += self.cost_s
        return self.proportional[it.pid] * MIB


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


# One measurement


def test_the_largest_come_first_and_only_until_it_is_too_much(kernel: Kernel) -> None:
    kernel.proportional = {1: 1, 2: 200, 3: 1}
    measurement = Measurement([process(1, 90), process(2, 210), process(3, 90)], 100 * MIB, 1)
    assert measurement.go_on()
    assert measurement.bytes > 100 * MIB
    assert kernel.asked == [2]


def test_the_largest_come_first_and_only_until_it_cannot_be_too_much(kernel: Kernel) -> None:
    kernel.proportional = {1: 1, 2: 10, 3: 1}
    measurement = Measurement([process(1, 30), process(2, 210), process(3, 30)], 100 * MIB, 1)
    assert measurement.go_on()
    assert measurement.bytes == 70 * MIB
    assert kernel.asked == [2]


def test_what_is_too_costly_to_measure_counts_as_resident(kernel: Kernel) -> None:
    kernel.cost_s = 0.25
    kernel.proportional = dict.fromkeys(range(10), 10)
    measurement = Measurement([process(pid, 100) for pid in range(10)], 200 * MIB, 1)
    slices = 0
    while not measurement.go_on(0.25):
        slices += 1
    assert (slices, len(kernel.asked)) == (3, 4)
    assert measurement.cost_s == 1
    assert measurement.bytes == (4 * 10 + 6 * 100) * MIB


def test_what_it_has_since_is_never_told_too_small(kernel: Kernel) -> None:
    kernel.proportional = {1: 50, 2: 50}
    measurement = Measurement([process(1, 100), process(2, 100)], None, 1)
    measurement.go_on()
    assert measurement.bytes_now([process(1, 100), process(2, 100)]) == 100 * MIB
    assert measurement.bytes_now([process(1, 130), process(2, 90)]) == 130 * MIB
    assert measurement.bytes_now([process(1, 100), process(2, 100), process(3, 100)]) == 200 * MIB
    assert measurement.bytes_now([process(1, 100, 20), process(2, 100)]) == 100 * MIB + 20 * PAGE, "shared no more"


# The families that are measured


class Look:
    """A ``Snapshot`` of made-up families, by the pid of the worker."""

    def __init__(self, families: dict[int, list[Process]]) -> None:
        self._families = families

    def family(self, pid: int) -> list[Process]:
        """Return the family of a worker."""
        return self._families[pid]


def is_unclear(watch: Watch, *family: Process) -> bool:
    assert watch.judge(cast(Snapshot, Look({1: list(family)}))) is None
    return watch.measurement() is not None


def test_a_family_is_measured_only_if_its_resident_memory_is_too_much(kernel: Kernel) -> None:
    watch = Watch(1, Limits(memory_bytes=100 * MIB), lambda excess: None)
    assert not is_unclear(watch, process(1, 100))
    assert is_unclear(watch, process(1, 60), process(2, 60))


def test_a_costly_family_rests_until_it_may_have_grown_beyond_its_limit(kernel: Kernel) -> None:
    kernel.cost_s = 0.1
    kernel.proportional = {1: 40, 2: 40}
    watch = Watch(1, Limits(memory_bytes=100 * MIB), lambda excess: None)
    assert is_unclear(watch, process(1, 80), process(2, 80))
    measurement = watch.measurement()
    assert measurement is not None
    assert measurement.go_on()
    assert watch.judge_memory(measurement) is None
    kernel.now += 0.25
    assert not is_unclear(watch, process(1, 90), process(2, 80))
    assert is_unclear(watch, process(1, 101), process(2, 80)), "it may have too much now"
    kernel.now += 2
    assert is_unclear(watch, process(1, 80), process(2, 80)), "it has rested"


# Other watches do not wait


def watch_families(monkeypatch: pytest.MonkeyPatch, families: dict[int, list[Process]]) -> None:
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(watcher, "Snapshot", lambda: Look(families))


async def nothing() -> None:
    """Stand for a sweep."""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return the event that ends the measurement of processes with a pid above 1000."""
    go_on = threading.Event()

    def measure(it: Process) -> int:
        if it.pid > 1000:
            go_on.wait()
        return it.resident_bytes

    monkeypatch.setattr(module, "_proportional_bytes", measure)
    return go_on


async def tells_until(told: asyncio.Queue[str], *expected: str) -> None:
    missing = set(expected)
    while missing:
        missing.discard(await told.get())


async def test_no_watch_waits_for_a_family_that_is_slow_to_measure(
    monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    watch_families(monkeypatch, {1001: [process(1001, 500)], 2: [process(2, 500)], 3: [process(3, 1), process(4, 1)]})
    told = asyncio.Queue[str]()

    def tell(name: str) -> Callable[[Excess], None]:
        return lambda excess: told.put_nowait(f"{name}: {excess.what}")

    try:
        async with asyncio.TaskGroup() as tasks:
            it = Watcher(tasks, nothing)
            watches = [it.watch(1001, Limits(memory_bytes=100 * MIB), tell("slow"))]
            watches.append(it.watch(2, Limits(memory_bytes=100 * MIB), tell("quick")))
            watches.append(it.watch(3, Limits(processes=1), tell("many")))
            await tells_until(told, "quick: memory limit of 100 MiB exceeded", "many: process limit of 1 exceeded")
            held.set()
            await tells_until(told, "slow: memory limit of 100 MiB exceeded")
            for watch in watches:
                it.end(watch)
    finally:
        held.set()


async def test_a_measurement_that_hangs_is_given_up_and_resident_memory_counts(
    monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    watch_families(monkeypatch, {1001: [process(1001, 500)]})
    monkeypatch.setattr(watcher, "STUCK_S", 0)
    told = asyncio.Queue[str]()
    try:
        async with asyncio.TaskGroup() as tasks:
            it = Watcher(tasks, nothing)
            watch = it.watch(1001, Limits(memory_bytes=100 * MIB), lambda excess: told.put_nowait(excess.what))
            assert await told.get() == "memory limit of 100 MiB exceeded"
            it.end(watch)
    finally:
        held.set()


async def test_the_end_of_a_watch_ends_its_measurement(monkeypatch: pytest.MonkeyPatch, held: threading.Event) -> None:
    watch_families(monkeypatch, {1001: [process(1001, 500)]})
    try:
        async with asyncio.TaskGroup() as tasks:  # the group ends only after the measurement
            it = Watcher(tasks, nothing)
            watch = it.watch(1001, Limits(memory_bytes=100 * MIB), lambda excess: None)
            while watch.measuring is None:  # noqa: ASYNC110 -- no event tells when the watcher begins
                await asyncio.sleep(0)
            it.end(watch)
    finally:
        held.set()
