"""Checks four times a second whether workers, with all their descendants, keep to their limits.

One look at all processes shows the number of processes, their processor time, and whether their memory may exceed the
limit. If it may, the memory of that family is measured, which can take long; other families and other limits do not
wait for it.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from interpreterd.background import supervised
from interpreterd.model.limits import Limits, size_in_words
from interpreterd.processes.hidden_memory import most_hidden_bytes
from interpreterd.processes.measurement import Measurement
from interpreterd.processes.usage import STUCK_S, Meter, Process, Snapshot, resident_bytes
from interpreterd.workers.directories import Directories

if TYPE_CHECKING:
    from interpreterd.processes.cgroups import Cgroups
    from interpreterd.workers.disk import Disk, DiskWalker

LOOK_EVERY_S: Final = 0.25
REST_PER_WORK: Final = 10  # a look at some thousand processes takes so long that looks have to be rarer
# But not much rarer: all contexts share the looks, and one context may have made the processes.
REST_LIMIT_S: Final = 1.0
MEMORY_BUDGET_S: Final = 0.5  # of processor time, for one measurement: 40 GiB that many processes share
MEASURE_SLICE_S: Final = 0.05  # the families take turns in slices of this length
MEASURED_AT_ONCE: Final = 2
HIDDEN_EVERY_S: Final = 5.0  # files in memory are looked for, even if it seems that nobody has made one
OWN_THREADS: Final = 2  # of a worker, which do not count: one that flushes, one that waits for answers to calls
SWEEP_FAILURE: Final = "processes that escaped from a limited worker could not be killed"
_log = logging.getLogger(__name__)


@frozen
class Excess:
    """A limit is exceeded: ``what`` is for example ``process limit of 64 exceeded``.

    Attributes:
        execution_id: The execution that ran too long; None if the worker itself exceeds a limit.
        counts_copies: Whether parked copies of the worker count, so that without some of them it may be none.
    """

    what: str
    execution_id: str | None = None
    counts_copies: bool = field(default=False, eq=False, repr=False)


class Watch:
    """One worker and its limits.

    Attributes:
        execution_id: The running execution; None while none runs.
        copies: The pids of parked copies of the worker, the context's checkpoints; all limits but time count them.
        unclear: The family, as it was last seen, if only a measurement can tell whether it has too much memory.
        measuring: That measurement, while it goes on.
    """

    def __init__(self, pid: int, limits: Limits, tell: Callable[[Excess], None], disk: "Disk | None" = None) -> None:
        self.execution_id: str | None = None
        self.copies: tuple[int, ...] = ()
        self.tell = tell
        self.disk = disk
        self.unclear: list[Process] | None = None
        self.measuring: asyncio.Task[None] | None = None
        self._pid = pid
        self._limits = limits
        self._metered_id: str | None = None
        self._meter: Meter | None = None
        self._suspected = False
        self._hidden = False
        self._measured: Measurement | None = None
        self._measured_at = 0.0
        self._hidden_bytes = self._measuring_hidden = 0
        self._hidden_before: int | None = None

    @property
    def counts_memory(self) -> bool:
        """Whether its memory is limited."""
        return self._limits.memory_bytes is not None

    def judge(self, snapshot: Snapshot, hidden_bytes: int = 0) -> Excess | None:
        """Return the exceeded limit; processor time only once in an execution. Runs on a thread of its own.

        ``hidden_bytes`` is how much memory the whole machine has in files and in swap space.
        """
        self._hidden_bytes = hidden_bytes
        if self._hidden_before is None:
            self._hidden_before = hidden_bytes
        family = snapshot.family(self._pid)
        if self._is_hidden(family):
            return Excess("its limits cannot be checked: its process is hidden")
        everything = family + [process for pid in self.copies for process in snapshot.family(pid)]
        processes = self._limits.processes
        if processes is not None and (excess := _judge_count(everything, self._pid, processes)):
            return self._excess(excess)
        if self.disk is not None:
            self.disk.pids = tuple(process.pid for process in everything)
        self.unclear = everything if self._is_unclear(everything) else None
        return self._judge_time(family)

    def _excess(self, what: str) -> Excess:
        return Excess(f"{what}: checkpoints count, too" if self.copies else what, counts_copies=bool(self.copies))

    def _is_hidden(self, family: list[Process]) -> bool:
        """Return whether the worker was alive but invisible twice in a row: ``hidepid`` of proc(5).

        A process that is not dumpable, see prctl(2), is then hidden from its own user.
        """
        before, self._hidden = self._hidden, False
        if not family or family[0].pid != self._pid:
            with contextlib.suppress(OSError):
                os.kill(self._pid, 0)
                self._hidden = True
        return before and self._hidden

    def _judge_time(self, family: list[Process]) -> Excess | None:
        limit_s = self._limits.cpu_s
        if limit_s is None:
            return None
        execution_id = self.execution_id
        if execution_id != self._metered_id:
            self._metered_id, self._meter, self._suspected = execution_id, Meter(), False
        if execution_id is not None and self._meter is not None:
            self._meter.read(family)
            exceeded = self._meter.spent_s > limit_s
            # A process that ended between two reads of this look has counted twice, and will not in the next look.
            if exceeded and self._suspected:
                self._meter = None
                return Excess(f"CPU limit of {limit_s:g} s exceeded", execution_id)
            self._suspected = exceeded
        return None

    def _is_unclear(self, family: list[Process]) -> bool:
        limit_bytes, last = self._limits.memory_bytes, self._measured
        if limit_bytes is None:
            return False
        most_bytes = resident_bytes(family) + self._hidden_bytes
        if most_bytes <= limit_bytes:
            return False
        # All that is new in files and in swap space may be this family's; what others have freed meanwhile, too.
        new_bytes = max(self._hidden_bytes - (self._hidden_before or 0), 0)
        rested_s = time.monotonic() - self._measured_at
        if resident_bytes(family) + new_bytes + (last.hidden.bytes if last else 0) <= limit_bytes:
            return rested_s >= HIDDEN_EVERY_S
        if last is None:
            return True
        # It rests long only if its memory cannot have grown too much since.
        rest = 1 if last.bytes_now(family) + new_bytes > limit_bytes else REST_PER_WORK
        return rested_s >= rest * last.cost_s

    def measurement(self) -> Measurement | None:
        """Return the measurement that will make it clear; None if it is clear, or is being measured."""
        if self.unclear is None or self.measuring is not None:
            return None
        self._measuring_hidden = self._hidden_bytes
        return Measurement(self.unclear, self._limits.memory_bytes, MEMORY_BUDGET_S)

    def judge_memory(self, measurement: Measurement) -> Excess | None:
        """Return the exceeded limit according to ``measurement``, which has ended or is to end."""
        self._measured, self._measured_at = measurement, time.monotonic()
        self._hidden_before = self._measuring_hidden
        limit_bytes = self._limits.memory_bytes
        if limit_bytes is None or measurement.bytes <= limit_bytes:
            return None
        return self._excess(f"memory limit of {size_in_words(limit_bytes)} exceeded")


def _judge_count(family: list[Process], worker: int, limit: int) -> str | None:
    """Return the excess if ``family`` has more than ``limit`` processes and threads."""
    if len(family) > limit:
        return f"process limit of {limit} exceeded"
    threads = sum(max(it.threads - 1 - (OWN_THREADS if it.pid == worker else 0), 0) for it in family)
    if len(family) + threads > limit:
        return f"process limit of {limit} exceeded: threads count, too"
    return None


class Watcher:
    """Watches workers; without workers to watch, it does nothing at all.

    Attributes:
        directories: Those of all contexts that have had a worker.
        cgroups: Where workers are, if the kernel shall limit them, too.
    """

    def __init__(self, tasks: asyncio.TaskGroup, sweep: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run in ``tasks``. After each look, ``sweep`` kills processes that have escaped from their worker's family."""
        self._tasks = tasks
        self._sweep = sweep
        self._watches: set[Watch] = set()
        self._looking: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._walking: asyncio.Task[None] | None = None
        self._walker: DiskWalker | None = None
        self.directories = Directories()
        self.cgroups: Cgroups | None = None
        # Fair: a family that has had a slice waits behind the others.
        self._measuring = asyncio.Semaphore(MEASURED_AT_ONCE)

    def disk(self, directories: tuple[str, ...], limits: Limits) -> "Disk | None":
        """A context has ``directories``; return their disk space if ``limits`` has one for it."""
        self.directories.add(directories)
        if limits.disk_bytes is None:
            return None
        from interpreterd.workers.disk import Disk, DiskWalker

        self._walker = self._walker or DiskWalker(self._tasks)
        return Disk(limits.disk_bytes, directories, self.directories)

    def watch(self, pid: int, limits: Limits, tell: Callable[[Excess], None], disk: "Disk | None" = None) -> Watch:
        """Watch the worker ``pid``; ``tell`` is called on the loop's thread after each look that finds an excess."""
        watch = Watch(pid, limits, tell, disk)
        self._watches.add(watch)
        if self._looking is None:
            self._looking = self._tasks.create_task(self._look_again_and_again())
        return watch

    def end(self, watch: Watch | None) -> None:
        """Watch no more; ``tell`` is not called any more. Without effect for None, and when it is repeated."""
        self._watches -= {watch}
        if watch is not None and watch.measuring is not None:
            watch.measuring.cancel()
        if watch is not None and watch.disk is not None and watch.disk.walking is not None:
            watch.disk.walking.cancel()
        if not self._watches and self._looking is not None:
            self._looking.cancel()
            self._looking = None
            if self._walking is not None:
                self._walking.cancel()

    async def _look_again_and_again(self) -> None:
        pause_s = LOOK_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                judged, cost_s = await asyncio.to_thread(_judge, list(self._watches))
                pause_s = max(LOOK_EVERY_S, min(REST_LIMIT_S, REST_PER_WORK * cost_s))
                for watch, excess in judged:
                    self._tell(watch, excess)
                for watch in self._watches:
                    if measurement := watch.measurement():
                        measuring = self._measure(watch, measurement)
                        watch.measuring = supervised(self._tasks, measuring, _log, "memory could not be measured")
                self._check_disks()
                if self._sweeping is None or self._sweeping.done():  # a process that cannot be killed delays no look
                    self._sweeping = supervised(self._tasks, self._sweep(), _log, SWEEP_FAILURE)
            except Exception:  # one failure in the task group would end every context
                _log.exception("limits could not be checked")

    def _check_disks(self) -> None:
        disks: dict[Disk, Callable[[str], None]] = {}
        for watch in self._watches:
            if watch.disk is not None:
                disks[watch.disk] = partial(self._tell_disk, watch)
        if disks and self._walker is not None and (self._walking is None or self._walking.done()):
            self._walking = supervised(self._tasks, self._walker.check(disks), _log, "disks could not be measured")

    def _tell_disk(self, watch: Watch, what: str) -> None:
        self._tell(watch, Excess(what))

    def _tell(self, watch: Watch, excess: Excess) -> None:
        if watch in self._watches and excess.execution_id in (None, watch.execution_id):
            watch.tell(excess)

    async def _measure(self, watch: Watch, measurement: Measurement) -> None:
        try:
            while not await self._measure_a_slice(measurement):
                pass
        finally:
            watch.measuring = None
        if excess := watch.judge_memory(measurement):
            self._tell(watch, excess)

    async def _measure_a_slice(self, measurement: Measurement) -> bool:
        async with self._measuring:
            try:
                async with asyncio.timeout(STUCK_S):
                    return await asyncio.to_thread(measurement.go_on, MEASURE_SLICE_S)
            except TimeoutError:
                return True


def _judge(watches: list[Watch]) -> tuple[list[tuple[Watch, Excess]], float]:
    """Return the excesses, and the cost of finding them, in seconds of processor time."""
    began = time.thread_time()
    snapshot = Snapshot()
    hidden_bytes = most_hidden_bytes() if any(watch.counts_memory for watch in watches) else 0
    judged = [(watch, watch.judge(snapshot, hidden_bytes)) for watch in watches]
    return [(watch, excess) for watch, excess in judged if excess is not None], time.thread_time() - began
