"""Looks at the processes of contexts: now and then for their processor time, and closely for an answer.

One look in the background reads /proc/[pid]/stat of every process of the machine, on a thread of its own: some 12 µs
each. Without contexts there is none. A look takes at most a hundredth of a processor: the next one waits long enough.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from interpreterd.background import supervised
from interpreterd.model.stats import ProcessStats
from interpreterd.processes.figures import Figures, measure_all, measure_disks
from interpreterd.processes.usage import NO_COPIES, STUCK_S, Meter, Process, Snapshot, resident_bytes

REST_PER_LOOK: Final = 200  # at most a two-hundredth of a processor
LEAST_GAP_S: Final = 0.2  # processor time comes in ticks of 10 ms: within a shorter time, the last share is told again
_log = logging.getLogger(__name__)
_A = TypeVar("_A")
_T = TypeVar("_T")


class Seen:
    """What looks have found of one context so far.

    Attributes:
        cpu_s: Processor time of all its workers.
        percent: The latest share of one processor.
        resident_bytes: Of its processes, at the latest look in the background.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.percent = 0.0
        self.resident_bytes = 0
        self._worker: tuple[int, int] | None = None
        self._meter = Meter()
        self._earlier_s = 0.0  # of earlier workers, and of this one before it was first seen
        self._at = 0.0  # when ``percent`` was computed, and the processor time at that moment
        self._cpu_then_s = 0.0

    def look(self, family: list[Process], at: float, age_s: float) -> None:
        """Take the family as it is at ``at``, of a monotonic clock; its worker, the first one, is ``age_s`` old."""
        if family[0].key != self._worker:
            self._worker, self._meter = family[0].key, Meter()
            self._at, self._cpu_then_s = at - max(age_s, LEAST_GAP_S), self.cpu_s
            self._earlier_s = self.cpu_s + sum(it.cpu_s + it.reaped_s for it in family)
        self._meter.read(family)
        self.cpu_s = max(self.cpu_s, self._earlier_s + self._meter.spent_s)
        if at - self._at >= LEAST_GAP_S:
            self.percent = 100 * (self.cpu_s - self._cpu_then_s) / (at - self._at)
            self._at, self._cpu_then_s = at, self.cpu_s


class Sampler:
    """Keeps a ``Seen`` for each context.

    Attributes:
        resident_bytes: Of all contexts, at the latest look in the background; None before. Likewise ``processes``.
        cost_s: The processor time of that look.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        workers: Callable[[], Mapping[str, int | None]],
        every_s: float,
        copies: Callable[[], Mapping[int, tuple[int, ...]]] = lambda: NO_COPIES,
    ) -> None:
        """Look ``every_s``, never for 0, at the workers of all contexts; in ``tasks``.

        ``workers`` returns the pid of each context's worker, None without one, by the context's id; ``copies`` the
        parked copies that count with a worker when somebody asks, by its pid.
        """
        self.resident_bytes: int | None = None
        self.processes: int | None = None
        self.cost_s = 0.0
        self._tasks = tasks
        self._workers = workers
        self._copies = copies
        self._every_s = every_s
        self._seen: dict[str, Seen] = {}
        self._gone_s = 0.0  # of contexts that are gone
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sampler")
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._all: asyncio.Task[Mapping[int, Figures]] | None = None

    @property
    def cpu_s(self) -> float:
        """Processor time of all contexts so far, also of those that are gone."""
        return self._gone_s + sum(it.cpu_s for it in self._seen.values())

    def cpu_of(self, context_id: str) -> float:
        """Return the processor time of a context so far."""
        seen = self._seen.get(context_id)
        return 0.0 if seen is None else seen.cpu_s

    def memory_of(self, context_id: str) -> int:
        """Return the resident memory of a context, at the latest look in the background."""
        seen = self._seen.get(context_id)
        return 0 if seen is None else seen.resident_bytes

    def wake(self) -> None:
        """There is a context: look from time to time. Repeating it changes nothing."""
        if self._task is None and self._every_s:
            self._task = supervised(self._tasks, self._look_again_and_again(), _log, "contexts are no longer sampled")

    def forget(self, context_id: str) -> None:
        """A context is gone; what it has used stays in the sum."""
        seen = self._seen.pop(context_id, None)
        if seen is not None:
            self._gone_s += seen.cpu_s

    def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, pids: Mapping[str, int]) -> Mapping[str, ProcessStats]:
        """Return the stats of the workers ``pids``, by their contexts' ids; without those that cannot be measured."""
        if len(pids) > 1:
            figures = await self._ask_all()
        else:
            figures = await self._measure(pids.values())
        found = {}
        for context_id, pid in pids.items():
            if (its := figures.get(pid)) is not None:
                found[context_id] = self._stats(context_id, its)
        return found

    async def disks(self, directories: Iterable[str]) -> Mapping[str, int]:
        """Return how much each of ``directories`` holds; without those that take too long."""
        return await self._in_thread(measure_disks, set(directories)) or {}

    async def _ask_all(self) -> Mapping[int, Figures]:
        """Measure all workers, once for all who ask before that begins."""
        if self._all is None:
            self._all = self._tasks.create_task(self._measure_all())
        return await asyncio.shield(self._all)

    async def _measure_all(self) -> Mapping[int, Figures]:
        async with self._looking:
            self._all = None
            return await self._measure(self._pids().values())

    async def _measure(self, pids: Iterable[int]) -> Mapping[int, Figures]:
        return await self._in_thread(partial(measure_all, copies=self._copies()), list(pids)) or {}

    def _pids(self) -> dict[str, int]:
        return {context_id: pid for context_id, pid in self._workers().items() if pid is not None}

    async def _in_thread(self, function: Callable[[_A], _T], what: _A) -> _T | None:
        try:
            async with asyncio.timeout(STUCK_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, function, what)
        except Exception as error:  # TimeoutError, OSError, no room for a thread; in a task group it would end all
            _log.warning("the processes of contexts could not be measured: %s", str(error) or "it takes too long")
            return None

    def _stats(self, context_id: str, figures: Figures) -> ProcessStats:
        seen = self._look(context_id, figures.family, time.monotonic())
        return ProcessStats(
            cpu_percent=seen.percent,
            resident_bytes=figures.resident_bytes,
            proportional_bytes=figures.proportional_bytes,
            unique_bytes=figures.unique_bytes,
            is_exact=figures.is_exact,
            threads=figures.threads,
            processes=len(figures.family),
            descriptors=figures.descriptors,
        )

    def _look(self, context_id: str, family: list[Process], at: float) -> Seen:
        seen = self._seen.get(context_id)
        if seen is None:
            seen = Seen()
            if context_id in self._workers():  # otherwise it has been deleted meanwhile
                self._seen[context_id] = seen
        seen.look(family, at, family[0].age_s)
        return seen

    async def _look_again_and_again(self) -> None:
        pause_s = self._every_s
        while self._workers():
            await asyncio.sleep(pause_s)
            pids = self._pids()
            families, self.cost_s = await self._in_thread(_families, list(pids.values())) or ({}, 0.0)
            pause_s = max(self._every_s, REST_PER_LOOK * self.cost_s)
            self._take({context_id: families[pid] for context_id, pid in pids.items() if pid in families})
        self._task = None

    def _take(self, families: Mapping[str, list[Process]]) -> None:
        now, present = time.monotonic(), self._pids()
        for context_id, family in families.items():
            if context_id in present:  # otherwise its worker has ended meanwhile
                self._look(context_id, family, now).resident_bytes = resident_bytes(family)
        self.resident_bytes = sum(resident_bytes(it) for it in families.values())
        self.processes = sum(len(it) for it in families.values())


def _families(pids: Iterable[int]) -> tuple[dict[int, list[Process]], float]:
    """Return the family of each of ``pids``, and the processor time that finding them took."""
    began = time.thread_time()
    snapshot = Snapshot()
    found = {pid: family for pid in pids if (family := snapshot.family(pid))}
    return found, time.thread_time() - began
