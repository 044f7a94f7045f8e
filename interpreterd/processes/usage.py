"""What process trees use, by way of proc(5): one look at every process of the machine, whoever started it."""

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from attrs import frozen

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STAT_LIMIT_BYTES: Final = 2048
# Positions in /proc/[pid]/stat, counted from after the name, which is the second field.
_PARENT, _FAULTS, _UTIME, _STIME, _CUTIME, _CSTIME, _STARTED, _RESIDENT = 1, 7, 11, 12, 13, 14, 19, 21
# How long one question may take: processor time for each family, and for all of them.
FAMILY_BUDGET_S: Final = 0.05
ALL_BUDGET_S: Final = 1.0
STUCK_S: Final = 10.0  # for what should take a fraction: the kernel may wait for a lock that a process holds
_log = logging.getLogger(__name__)


@frozen
class Process:
    """A process at one moment; one that has ended and not been reaped has no memory any more.

    Attributes:
        started: In ticks since the boot: with the pid it names a process for good.
        cpu_s: Processor time of its own.
        reaped_s: Processor time of its children that it has waited for, and of theirs.
        resident_bytes: What is shared with other processes counts in each of them.
        faults: How many pages it was given so far, some at once: the first writes to what it shares are among them.
    """

    pid: int
    started: int
    cpu_s: float
    reaped_s: float
    resident_bytes: int
    faults: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """What names it for good."""
        return self.pid, self.started


class Snapshot:
    """All processes, read one after the other: some 12 µs each, so not on an event loop's thread.

    Those that proc(5) hides from this user (``hidepid``) are not there.
    """

    def __init__(self) -> None:
        """Look. Raises OSError if there are no descriptors."""
        self._stats: dict[int, list[bytes]] = {}
        self._children: dict[int, list[int]] = {}
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in os.listdir(proc):
                if name.isdigit() and (stat := _stat(proc, name)) is not None:
                    self._stats[int(name)] = stat
            for pid, stat in list(self._stats.items()):
                if stat[_PARENT] != b"0" and int(stat[_PARENT]) not in self._stats:
                    # Its parent ended after this was read: now it has another one.
                    stat = _stat(proc, str(pid)) or stat
                self._children.setdefault(int(stat[_PARENT]), []).append(pid)
        finally:
            os.close(proc)

    def family(self, pid: int) -> list[Process]:
        """Return ``pid`` and all that descends from it; empty if it is gone."""
        found = []
        waiting = [pid]
        while waiting:
            if (stat := self._stats.get(pid := waiting.pop())) is not None:
                found.append(_process(pid, stat))
            waiting += self._children.get(pid, ())
        return found


def resident_bytes(family: Iterable[Process]) -> int:
    """Return the resident memory of ``family``: quickly summed up, and too much, as what they share counts in each."""
    return sum(process.resident_bytes for process in family)


class Measurement:
    """How much a family has in memory, found out in slices, and not beyond a budget.

    What is shared by n processes counts as an n-th in each: /proc/[pid]/smaps_rollup. The kernel takes 12 µs a MiB for
    it, and up to 20 ms a process for many mappings. So the largest come first, only until it is clear on which side of
    the limit they all are; and once the budget is spent, the resident memory of the others counts.

    Attributes:
        cost_s: What it has taken, in seconds of processor time.
    """

    def __init__(self, family: list[Process], limit_bytes: int | None, budget_s: float) -> None:
        """Measure ``family``, with a limit only as exactly as that needs. ``budget_s`` is processor time."""
        self.cost_s = 0.0
        self._family = {process.key: process for process in family}
        self._limit_bytes = limit_bytes
        self._budget_s = budget_s
        self._left = sorted(family, key=lambda process: process.resident_bytes)
        self._left_bytes = resident_bytes(family)
        self._measured_bytes = 0

    @property
    def bytes(self) -> int:
        """What the family has, or more: what is not measured counts as resident."""
        return self._measured_bytes + self._left_bytes

    def go_on(self, slice_s: float = math.inf) -> bool:
        """Measure for ``slice_s`` of processor time; return whether it is clear. Not on an event loop's thread."""
        began = time.thread_time()
        spent_s = 0.0
        while not self._is_clear(spent_s) and spent_s < slice_s:
            process = self._left[-1]
            measured_bytes = _proportional_bytes(process)  # first, since ``bytes`` may be asked for meanwhile
            self._measured_bytes += measured_bytes
            self._left_bytes -= process.resident_bytes
            self._left.pop()
            spent_s = time.thread_time() - began
        self.cost_s += spent_s
        return self._is_clear(0)

    def _is_clear(self, spent_s: float) -> bool:
        if not self._left or self.cost_s + spent_s >= self._budget_s:
            return True
        limit_bytes = self._limit_bytes
        return limit_bytes is not None and (self._measured_bytes > limit_bytes or self.bytes <= limit_bytes)

    def bytes_now(self, family: list[Process]) -> int:
        """Return the most that the family, which is ``family`` now, can have, without looking again.

        A page that was shared and is not any more does not show in resident memory, but as a fault.
        """
        grown_bytes = 0
        for process in family:
            before = self._family.get(process.key)
            if before is None:
                grown_bytes += process.resident_bytes
            else:
                faults_bytes = (process.faults - before.faults) * _PAGE_BYTES
                grown_bytes += max(process.resident_bytes - before.resident_bytes, faults_bytes, 0)
        return self.bytes + grown_bytes


def _proportional_bytes(process: Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError:  # it has asked not to be looked into
        pass
    return process.resident_bytes


def _stat(proc: int, pid: str) -> list[bytes] | None:
    """Return the fields of /proc/[pid]/stat from the third on; None if the process is gone, or hidden."""
    try:
        fd = os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc)
        try:
            data = os.read(fd, _STAT_LIMIT_BYTES)
        finally:
            os.close(fd)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return data[data.rindex(b")") + 2 :].split()


def _process(pid: int, stat: list[bytes]) -> Process:
    return Process(
        pid=pid,
        started=int(stat[_STARTED]),
        cpu_s=(int(stat[_UTIME]) + int(stat[_STIME])) / _TICKS_PER_S,
        reaped_s=(int(stat[_CUTIME]) + int(stat[_CSTIME])) / _TICKS_PER_S,
        resident_bytes=int(stat[_RESIDENT]) * _PAGE_BYTES,
        faults=int(stat[_FAULTS]),
    )


class Meter:
    """Adds up the processor time of a family from one look at it to the next, from the first one on.

    Attributes:
        spent_s: So far.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], Process] | None = None
        self._own_s = 0.0
        self._reaped_s = 0.0

    @property
    def spent_s(self) -> float:
        # Below zero are processes for which nobody waits (SIGCHLD ignored): what they used stays counted.
        return self._own_s + max(self._reaped_s, 0.0)

    def read(self, family: list[Process]) -> None:
        """Take ``family`` as it is now.

        What a process used shows in itself, and once it has ended and been waited for, in its parent. In between two
        looks it does both; so what it had when it was last seen is taken from what parents gained.
        """
        now = {process.key: process for process in family}
        if self._seen is not None:
            for key, process in now.items():
                before = self._seen.pop(key, None)
                self._own_s += process.cpu_s - (before.cpu_s if before else 0.0)
                self._reaped_s += process.reaped_s - (before.reaped_s if before else 0.0)
            for gone in self._seen.values():
                self._reaped_s -= gone.cpu_s + gone.reaped_s
        self._seen = now


@frozen(kw_only=True)
class Usage:
    """What a worker, with all that descends from it, uses at one moment.

    Attributes:
        cpu_s: Processor time since they started, with that of children that were waited for. It may fall: a child for
            which nobody waits takes its time along.
        memory_bytes: As ``Measurement`` counts it, within ``FAMILY_BUDGET_S``.
    """

    cpu_s: float
    memory_bytes: int
    processes: int

    def to_json(self) -> dict[str, float]:
        return {"cpuSeconds": round(self.cpu_s, 2), "memoryBytes": self.memory_bytes, "processes": self.processes}


class Looks:
    """Looks at workers for those who ask, and only then: on a thread, one look at a time, however many ask.

    Who asks while one goes on gets the next, as do all who ask until that begins: it is never older than the question.
    One that takes longer than ``STUCK_S`` is not waited for, nor is another thread begun beside it.
    """

    def __init__(self, tasks: asyncio.TaskGroup, pids: Callable[[], Iterable[int]]) -> None:
        """Run in ``tasks``; each look is at the workers that ``pids`` names then."""
        self._tasks = tasks
        self._pids = pids
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._looking = asyncio.Lock()
        self._next: asyncio.Task[Mapping[int, Usage]] | None = None

    async def take(self) -> Mapping[int, Usage]:
        """Return what each worker uses, by its pid, without those that are gone; empty if there is no way to look."""
        if self._next is None:
            self._next = self._tasks.create_task(self._look())
        return await asyncio.shield(self._next)  # others may wait for it

    async def _look(self) -> Mapping[int, Usage]:
        async with self._looking:
            self._next = None
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(STUCK_S):
                    return await loop.run_in_executor(self._thread, _usages, list(self._pids()))
            except TimeoutError:
                _log.warning("what contexts use could not be read within %g s", STUCK_S)
                return {}
            except Exception as error:  # a failure in the task group would end all contexts
                _log.warning("what contexts use could not be read: %s", error)
                return {}


def _usages(pids: list[int]) -> dict[int, Usage]:
    snapshot = Snapshot()
    families = {pid: family for pid in pids if (family := snapshot.family(pid))}
    left_s = ALL_BUDGET_S
    found = {}
    # The small ones first: what a large one takes is not taken from them.
    for pid, family in sorted(families.items(), key=lambda item: resident_bytes(item[1])):
        memory = Measurement(family, None, min(FAMILY_BUDGET_S, left_s))
        memory.go_on()
        left_s -= memory.cost_s
        cpu_s = sum(process.cpu_s + process.reaped_s for process in family)
        found[pid] = Usage(cpu_s=cpu_s, memory_bytes=memory.bytes, processes=len(family))
    return found
