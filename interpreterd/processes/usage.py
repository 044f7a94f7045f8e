"""How much process trees use, by proc(5): one look reads every process of the machine."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from attrs import frozen

from interpreterd.model.context_info import Usage
from interpreterd.processes import proc_stat

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STAT_LIMIT_BYTES: Final = 2048
# The processor time that one question may take: for each family, and for all of them.
FAMILY_BUDGET_S: Final = 0.05
ALL_BUDGET_S: Final = 1.0
STUCK_S: Final = 10.0  # for work that should take a fraction of it: the kernel may wait for a lock that a process holds
NO_COPIES: Final[Mapping[int, tuple[int, ...]]] = {}
_log = logging.getLogger(__name__)


@frozen
class Process:
    """A process at one moment; a process that has ended and is not reaped has no memory.

    Attributes:
        started: In ticks since the boot; together with the pid it names one process for good.
        cpu_s: Processor time of its own.
        reaped_s: Processor time of children that it has waited for, and of theirs.
        resident_bytes: Memory that is shared with other processes counts in each of them.
        faults: How many pages it was given so far, some at once: the first writes to shared pages are among them.
        threads: Its number of threads, the main one included.
    """

    pid: int
    started: int
    cpu_s: float
    reaped_s: float
    resident_bytes: int
    faults: int = 0
    threads: int = 1

    @property
    def key(self) -> tuple[int, int]:
        """Its name for good: pid and start time."""
        return self.pid, self.started

    @property
    def age_s(self) -> float:
        """The seconds since its start."""
        return (proc_stat.ticks_since_boot() - self.started) / proc_stat.TICKS_PER_S


# The processes that fork the copies of a worker, for the moment that it takes, and how many copies each is to make.
# Neither they nor these copies count as the worker's.
middles: Final[dict[int, int]] = {}


class Snapshot:
    """All processes, read one after the other: some 12 µs each, so not on an event loop's thread.

    Processes that proc(5) hides from this user (``hidepid``) are missing.
    """

    def __init__(self) -> None:
        """Read all processes. Raises OSError if there are no descriptors."""
        self._stats: dict[int, list[bytes]] = {}
        self._children: dict[int, list[int]] = {}
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in os.listdir(proc):
                if name.isdigit() and (stat := _stat(proc, name)) is not None:
                    self._stats[int(name)] = stat
            for pid, stat in list(self._stats.items()):
                if stat[proc_stat.PARENT] != b"0" and int(stat[proc_stat.PARENT]) not in self._stats:
                    # Its parent ended after this was read: now it has another parent.
                    stat = _stat(proc, str(pid)) or stat
                self._children.setdefault(int(stat[proc_stat.PARENT]), []).append(pid)
        finally:
            os.close(proc)

    def family(self, pid: int, copies: Iterable[int] = ()) -> list[Process]:
        """Return ``pid`` and all its descendants, then those of its parked ``copies``; empty if it is gone."""
        if pid not in self._stats:
            copies = ()
        found = []
        waiting = [*copies, pid]
        while waiting:
            if (stat := self._stats.get(pid := waiting.pop())) is not None and pid not in middles:
                found.append(_process(pid, stat))
            waiting += self._below(pid)
        return found

    def _below(self, pid: int) -> list[int]:
        below = self._children.get(pid, [])
        if (copies := middles.get(pid)) is None:
            return below
        # The copies are about to be families of their own. What they have started by now counts here.
        return [*below[copies:], *(it for copy in below[:copies] for it in self._children.get(copy, ()))]


def resident_bytes(family: Iterable[Process]) -> int:
    """Return the resident memory of ``family``, a quick sum that counts shared memory in each process."""
    return sum(process.resident_bytes for process in family)


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
        started=int(stat[proc_stat.STARTED]),
        cpu_s=(int(stat[proc_stat.UTIME]) + int(stat[proc_stat.STIME])) / proc_stat.TICKS_PER_S,
        reaped_s=(int(stat[proc_stat.CUTIME]) + int(stat[proc_stat.CSTIME])) / proc_stat.TICKS_PER_S,
        resident_bytes=int(stat[proc_stat.RESIDENT]) * PAGE_BYTES,
        faults=int(stat[proc_stat.FAULTS]),
        threads=int(stat[proc_stat.THREAD_COUNT]),
    )


class Meter:
    """Adds up the processor time of a family from look to look, starting with the first one.

    Attributes:
        spent_s: The processor time so far.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], Process] | None = None
        self._own_s = 0.0
        self._reaped_s = 0.0

    @property
    def spent_s(self) -> float:
        # A value below zero comes from processes that are never waited for (SIGCHLD ignored): their time stays counted.
        return self._own_s + max(self._reaped_s, 0.0)

    def read(self, family: list[Process]) -> None:
        """Take ``family`` as it is now.

        The processor time of a process shows in itself, and after it has ended and been waited for, in its parent.
        Between two looks it shows in both; so its last known time is subtracted from the parents' gain.
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


class UsageMeter:
    """Measures workers on request, and only then: on a thread, one look at a time, however many callers ask.

    A caller that asks during a look gets the next one, and so do all callers until that begins: a result is never older
    than its request. A look that takes longer than ``STUCK_S`` is not waited for, and no other thread is started beside
    it.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        pids: Callable[[], Iterable[int]],
        copies: Callable[[], Mapping[int, tuple[int, ...]]] = lambda: NO_COPIES,
    ) -> None:
        """Run in ``tasks``; each look measures the workers that ``pids`` names at that moment.

        ``copies`` returns the parked copies that count with them, by the worker's pid.
        """
        self._tasks = tasks
        self._pids = pids
        self._copies = copies
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._looking = asyncio.Lock()
        self._next: asyncio.Task[Mapping[int, Usage]] | None = None

    async def take(self) -> Mapping[int, Usage]:
        """Return the usage of each living worker by its pid; empty if measuring is impossible."""
        if self._next is None:
            self._next = self._tasks.create_task(self._look())
        return await asyncio.shield(self._next)  # other callers may wait for it

    async def _look(self) -> Mapping[int, Usage]:
        async with self._looking:
            self._next = None
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(STUCK_S):
                    return await loop.run_in_executor(self._thread, _usages, list(self._pids()), self._copies())
            except TimeoutError:
                _log.warning("the usage of contexts could not be read within %g s", STUCK_S)
                return {}
            except Exception as error:  # a failure in the task group would end all contexts
                _log.warning("the usage of contexts could not be read: %s", error)
                return {}


def _usages(pids: list[int], copies: Mapping[int, tuple[int, ...]]) -> dict[int, Usage]:
    from interpreterd.processes.measurement import Measurement  # which knows processes from here

    snapshot = Snapshot()
    families = {pid: family for pid in pids if (family := snapshot.family(pid, copies.get(pid, ())))}
    left_s = ALL_BUDGET_S
    found = {}
    # Small families first: a large one does not use up their budget.
    for pid, family in sorted(families.items(), key=lambda item: resident_bytes(item[1])):
        memory = Measurement(family, None, min(FAMILY_BUDGET_S, left_s))
        memory.go_on()
        left_s -= memory.cost_s
        cpu_s = sum(process.cpu_s + process.reaped_s for process in family)
        found[pid] = Usage(cpu_s=cpu_s, memory_bytes=memory.bytes, processes=len(family))
    return found
