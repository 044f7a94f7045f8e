"""What process trees use, by way of proc(5): one look at every process of the machine, whoever started it."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import frozen

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STAT_LIMIT_BYTES: Final = 2048
# Positions in /proc/[pid]/stat, counted from after the name, which is the second field.
_PARENT, _UTIME, _STIME, _CUTIME, _CSTIME, _STARTED, _RESIDENT = 1, 11, 12, 13, 14, 19, 21
_log = logging.getLogger(__name__)


@frozen
class Process:
    """A process at one moment; one that has ended and not been reaped has no memory any more.

    Attributes:
        started: In ticks since the boot: with the pid it names a process for good.
        cpu_s: Processor time of its own.
        reaped_s: Processor time of its children that it has waited for, and of theirs.
        resident_bytes: What is shared with other processes counts in each of them.
    """

    pid: int
    started: int
    cpu_s: float
    reaped_s: float
    resident_bytes: int


class Snapshot:
    """All processes, read one after the other: some 12 µs each, so not on an event loop's thread."""

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


def memory_bytes(family: list[Process], limit_bytes: int) -> int:
    """Return what ``family`` has in memory; exact only if that is more than ``limit_bytes``.

    Resident memory is quickly summed up, and too much: what processes share, as forks do, counts in each of them. So
    only if that is beyond the limit, what is shared by n processes counts as an n-th in each: /proc/[pid]/smaps_rollup.
    """
    total = sum(process.resident_bytes for process in family)
    return total if total <= limit_bytes else sum(map(_proportional_bytes, family))


def _proportional_bytes(process: Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:  # it has asked not to be looked into
        pass
    return process.resident_bytes


def _stat(proc: int, pid: str) -> list[bytes] | None:
    """Return the fields of /proc/[pid]/stat from the third on; None if the process is gone."""
    try:
        fd = os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc)
        try:
            data = os.read(fd, _STAT_LIMIT_BYTES)
        finally:
            os.close(fd)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return data[data.rindex(b")") + 2 :].split()


def _process(pid: int, stat: list[bytes]) -> Process:
    return Process(
        pid=pid,
        started=int(stat[_STARTED]),
        cpu_s=(int(stat[_UTIME]) + int(stat[_STIME])) / _TICKS_PER_S,
        reaped_s=(int(stat[_CUTIME]) + int(stat[_CSTIME])) / _TICKS_PER_S,
        resident_bytes=int(stat[_RESIDENT]) * _PAGE_BYTES,
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
        now = {(process.pid, process.started): process for process in family}
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
        memory_bytes: As ``memory_bytes`` counts it, exactly.
    """

    cpu_s: float
    memory_bytes: int
    processes: int

    def to_json(self) -> dict[str, float]:
        return {"cpuSeconds": round(self.cpu_s, 2), "memoryBytes": self.memory_bytes, "processes": self.processes}


class Looks:
    """Looks at workers for those who ask, and only then: on a thread, one look at a time, however many ask.

    Who asks while one goes on gets the next, as do all who ask until that begins: it is never older than the question.
    """

    def __init__(self, tasks: asyncio.TaskGroup, pids: Callable[[], Iterable[int]]) -> None:
        """Run in ``tasks``; each look is at the workers that ``pids`` names then."""
        self._tasks = tasks
        self._pids = pids
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
            try:
                return await asyncio.to_thread(_usages, list(self._pids()))
            except Exception as error:  # a failure in the task group would end all contexts
                _log.warning("what contexts use could not be read: %s", error)
                return {}


def _usages(pids: list[int]) -> dict[int, Usage]:
    snapshot = Snapshot()
    return {pid: _usage(family) for pid in pids if (family := snapshot.family(pid))}


def _usage(family: list[Process]) -> Usage:
    return Usage(
        cpu_s=sum(process.cpu_s + process.reaped_s for process in family),
        memory_bytes=memory_bytes(family, 0),
        processes=len(family),
    )
