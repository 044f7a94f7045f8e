"""The watcher measures processes against limits: real ones, and made-up ones where timing matters."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest

from interpreterd.model.limits import Limits
from interpreterd.processes import measurement as module
from interpreterd.processes.measurement import Measurement
from interpreterd.processes.usage import Meter, Process, Snapshot, resident_bytes
from interpreterd.workers import watcher
from interpreterd.workers.watcher import Excess, Watch, Watcher

MIB = 1 << 20
SHARING = """
import mmap, os, signal
data = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE)
data.write(b"x" * len(data))
read, write = os.pipe()
if os.fork() == 0:
    sum(data[::4096])
    os.setsid()
    os.write(write, b"x")
    signal.pause()
os.read(read, 1)
os.write(1, b"x")
signal.pause()
"""


@pytest.fixture
def sharing() -> Iterator[int]:
    """Yield the pid of a process that shares 64 MiB with its child in another session."""
    ours, theirs = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-c", SHARING],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 1)],
    )
    os.close(theirs)
    os.read(ours, 1)
    yield pid
    for process in reversed(Snapshot().family(pid)):
        os.kill(process.pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.read(ours, 1)  # EOF: all writing ends are closed, so the child is gone too
    os.close(ours)


def measured(family: list[Process], limit_bytes: int | None) -> int:
    measurement = Measurement(family, limit_bytes, budget_s=60)
    assert measurement.go_on()
    return measurement.bytes


def test_shared_memory_counts_once(sharing: int) -> None:
    family = Snapshot().family(sharing)
    assert len(family) == 2
    assert family[0].pid == sharing
    assert resident_bytes(family) > 128 * MIB
    assert measured(family, resident_bytes(family)) == resident_bytes(family), (
        "below the limit it is not measured again"
    )
    for limit_bytes in (100 * MIB, None):
        assert 64 * MIB < measured(family, limit_bytes) < 100 * MIB


def test_a_process_that_hides_its_memory_counts_as_its_resident_memory(
    sharing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> Any:
        raise PermissionError  # a superuser may look into everything

    monkeypatch.setattr(module, "open", refuse, raising=False)
    assert measured(Snapshot().family(sharing), 100 * MIB) > 128 * MIB


def test_a_dead_process_uses_nothing() -> None:
    gone = Process(pid=2**22 + 1, started=1, cpu_s=1, reaped_s=0, resident_bytes=1)
    assert Snapshot().family(gone.pid) == []
    assert measured([gone], 0) == 0


def test_a_process_named_to_deceive() -> None:
    name = b") R 1 (("
    with open("/proc/self/comm", "r+b", buffering=0) as comm:
        before = comm.read().strip()
        comm.write(name)
        try:
            (first, *_) = Snapshot().family(os.getpid())
        finally:
            comm.write(before)
    assert first.pid == os.getpid()
    assert first.resident_bytes > 10 * MIB


# Processor time: made-up looks at a family, one after the other


def at(pid: int, cpu_s: float, reaped_s: float = 0.0, *, started: int = 1, threads: int = 1) -> Process:
    return Process(pid=pid, started=started, cpu_s=cpu_s, reaped_s=reaped_s, resident_bytes=0, threads=threads)


LOOKS: dict[str, tuple[list[list[Process]], float]] = {
    "what was before does not count": ([[at(1, 5, 7)]], 0),
    "its own": ([[at(1, 5)], [at(1, 6)], [at(1, 8)]], 3),
    "a child's": ([[at(1, 5)], [at(1, 5), at(2, 1)], [at(1, 5), at(2, 3)]], 3),
    "a child's, once it is reaped": ([[at(1, 0)], [at(1, 0), at(2, 3)], [at(1, 0, 3.5)]], 3.5),
    "a child's that was never seen": ([[at(1, 0)], [at(1, 0, 2)]], 2),
    "a child's from before": ([[at(1, 0), at(2, 9)], [at(1, 0, 9.5)]], 0.5),
    "a grandchild's, by way of a child": (
        [[at(1, 0)], [at(1, 0), at(2, 0), at(3, 4)], [at(1, 0), at(2, 0, 4)], [at(1, 0, 4)]],
        4,
    ),
    "an orphan's": ([[at(1, 0)], [at(1, 0), at(2, 1), at(3, 1)], [at(1, 0, 1), at(3, 2)], [at(1, 0, 3)]], 3),
    "a child's that its parent does not wait for": (
        [[at(1, 0)], [at(1, 0), at(2, 3)], [at(1, 0)], [at(1, 0), at(3, 3)]],
        6,
    ),
    "a number that is used again": ([[at(1, 0), at(2, 9)], [at(1, 0, 9), at(2, 1, started=2)]], 1),
    "seen, reaped and seen in its parent, all in one look": (
        [[at(1, 0)], [at(1, 0), at(2, 3)], [at(1, 0, 3), at(2, 3)], [at(1, 0, 3)]],
        3,
    ),
}


@pytest.mark.parametrize(("looks", "spent_s"), LOOKS.values(), ids=LOOKS)
def test_processor_time(looks: list[list[Process]], spent_s: float) -> None:
    meter = Meter()
    for family in looks:
        meter.read(family)
    assert meter.spent_s == pytest.approx(spent_s)


class Looks:
    """A ``Snapshot`` of a made-up family."""

    def __init__(self, *family: Process) -> None:
        self._family = list(family)

    def family(self, pid: int) -> list[Process]:
        """Return the family."""
        return self._family


def judge(watch: Watch, *family: Process) -> Excess | None:
    return watch.judge(cast(Snapshot, Looks(*family)))


def test_a_time_that_is_exceeded_only_for_a_moment_is_not() -> None:
    watch = Watch(1, Limits(cpu_s=5), lambda excess: None)
    watch.execution_id = "a"
    assert judge(watch, at(1, 0)) is None
    assert judge(watch, at(1, 0), at(2, 3)) is None
    assert judge(watch, at(1, 0, 3), at(2, 3)) is None  # one look counts the child twice
    assert judge(watch, at(1, 0, 3)) is None
    assert judge(watch, at(1, 4, 3)) is None  # the first look above the limit only raises suspicion
    assert judge(watch, at(1, 4, 3)) == Excess("CPU limit of 5 s exceeded", "a")
    assert judge(watch, at(1, 9, 3)) is None, "told once"


def test_each_execution_has_its_own_time_and_none_is_counted_in_between() -> None:
    watch = Watch(1, Limits(cpu_s=5), lambda excess: None)
    for execution_id, cpu_s in [("a", 0), ("a", 4), (None, 10), (None, 20), ("b", 30), ("b", 34), ("b", 34.5)]:
        watch.execution_id = execution_id
        assert judge(watch, at(1, cpu_s)) is None
    assert [judge(watch, at(1, 36)), judge(watch, at(1, 36))] == [None, Excess("CPU limit of 5 s exceeded", "b")]


def test_processes_are_too_many_whatever_runs() -> None:
    watch = Watch(1, Limits(processes=2), lambda excess: None)
    assert judge(watch, at(1, 0), at(2, 0)) is None
    assert judge(watch, at(1, 0), at(2, 0), at(3, 0)) == Excess("process limit of 2 exceeded")


def test_threads_count_with_processes_but_not_a_worker_s_own() -> None:
    watch = Watch(1, Limits(processes=4), lambda excess: None)
    worker, child = at(1, 0, threads=3), at(2, 0, threads=2)
    assert judge(watch, worker, child) is None
    too_many = Excess("process limit of 4 exceeded: threads count, too")
    assert judge(watch, at(1, 0, threads=7)) == too_many
    assert judge(watch, at(1, 0, threads=6)) is None
    assert judge(watch, worker, child, at(3, 0), at(4, 0, threads=1)) == too_many


# When the watcher looks


async def nothing() -> None:
    """Stand for a sweep."""


async def test_it_looks_only_while_there_is_something_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0)
    async with asyncio.TaskGroup() as tasks:  # the group ends only after the look
        it = Watcher(tasks, nothing)
        for _ in range(2):
            told = asyncio.Event()
            first = it.watch(os.getpid(), Limits(memory_bytes=1), lambda excess, told=told: told.set())  # type: ignore[misc]
            second = it.watch(os.getpid(), Limits(processes=1000), lambda excess: None)
            await told.wait()
            it.end(first)
            it.end(first)
            it.end(second)


async def test_an_excess_that_is_found_after_the_end_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0)
    told: list[str] = []
    found = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        it = Watcher(tasks, nothing)
        # One look finds both excesses. The first report ends both watches.
        watches: list[Watch] = []

        def tell(excess: Excess) -> None:
            told.append(excess.what)
            for watch in watches:
                it.end(watch)
            found.set()

        watches += [it.watch(os.getpid(), Limits(memory_bytes=1), tell) for _ in range(2)]
        await found.wait()
    assert told == ["memory limit of 1 bytes exceeded"]


async def test_a_look_or_a_sweep_that_fails_is_logged_and_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0)
    caplog.set_level(logging.ERROR)
    looks, sweeps = iter([OSError("no more descriptors")]), asyncio.Queue[None]()

    def look() -> Snapshot:
        for error in looks:
            raise error
        return Snapshot()

    async def fail() -> None:
        sweeps.put_nowait(None)
        raise OSError("no more descriptors")

    monkeypatch.setattr(watcher, "Snapshot", look)
    async with asyncio.TaskGroup() as tasks:
        it = Watcher(tasks, fail)
        watch = it.watch(os.getpid(), Limits(processes=1000), lambda excess: None)
        for _ in range(2):
            await sweeps.get()
        it.end(watch)
    assert "limits could not be checked" in caplog.text
    assert "processes that escaped from a limited worker could not be killed" in caplog.text


async def test_looks_that_cost_much_are_not_put_off_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """One context may start very many processes; the other contexts' limits must still be checked soon."""
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(watcher, "REST_LIMIT_S", 0)
    looks = asyncio.Queue[None]()
    loop = asyncio.get_running_loop()

    def judge(watches: list[Watch]) -> tuple[list[Any], float]:
        loop.call_soon_threadsafe(looks.put_nowait, None)
        return [], 1e9

    monkeypatch.setattr(watcher, "_judge", judge)
    async with asyncio.TaskGroup() as tasks:
        it = Watcher(tasks, nothing)
        watch = it.watch(os.getpid(), Limits(processes=1000), lambda excess: None)
        for _ in range(3):
            await looks.get()
        it.end(watch)


async def test_a_sweep_that_takes_long_delays_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0)
    sweeping, go_on, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        sweeping.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        it = Watcher(tasks, wait)
        first = it.watch(os.getpid(), Limits(processes=1000), lambda excess: None)
        await sweeping.wait()
        second = it.watch(os.getpid(), Limits(memory_bytes=1), lambda excess: told.set())
        await told.wait()
        it.end(first)
        it.end(second)
        go_on.set()
