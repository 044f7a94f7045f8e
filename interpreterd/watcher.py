"""Looks four times a second whether workers, with all that they started, keep to their limits."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from interpreterd.limits import Limits, size_in_words
from interpreterd.usage import Meter, Snapshot, memory_bytes

PERIOD_S: Final = 0.25
REST_PER_WORK: Final = 10  # a look at some thousand processes takes so long that it has to be rarer
_log = logging.getLogger(__name__)


@frozen
class Excess:
    """More than the limits allow: ``what`` as ``process limit of 64 exceeded``.

    Attributes:
        execution_id: What ran too long; None if it is the worker that is too much.
    """

    what: str
    execution_id: str | None = None


class Watch:
    """One worker and its limits.

    Attributes:
        execution_id: What runs now; None while nothing does.
    """

    def __init__(self, pid: int, limits: Limits, tell: Callable[[Excess], None]) -> None:
        self.execution_id: str | None = None
        self.tell = tell
        self._pid = pid
        self._limits = limits
        self._metered_id: str | None = None
        self._meter: Meter | None = None
        self._suspected = False

    def judge(self, snapshot: Snapshot) -> Excess | None:
        """Return what is too much; processor time only once in an execution. Runs on a thread of its own."""
        family = snapshot.family(self._pid)
        limits = self._limits
        if limits.processes is not None and len(family) > limits.processes:
            return Excess(f"process limit of {limits.processes} exceeded")
        if limits.memory_bytes is not None and memory_bytes(family, limits.memory_bytes) > limits.memory_bytes:
            return Excess(f"memory limit of {size_in_words(limits.memory_bytes)} exceeded")
        if limits.cpu_s is not None:
            execution_id = self.execution_id
            if execution_id != self._metered_id:
                self._metered_id, self._meter, self._suspected = execution_id, Meter(), False
            if execution_id is not None and self._meter is not None:
                self._meter.read(family)
                exceeded = self._meter.spent_s > limits.cpu_s
                # A process that ended between two reads of this look has counted twice, and will not in the next.
                if exceeded and self._suspected:
                    self._meter = None
                    return Excess(f"CPU limit of {limits.cpu_s:g} s exceeded", execution_id)
                self._suspected = exceeded
        return None


class Watcher:
    """Watches workers; while there are none to watch, it does nothing at all."""

    def __init__(self, tasks: asyncio.TaskGroup, sweep: Callable[[], Awaitable[None]]) -> None:
        """Run in ``tasks``. After each look ``sweep`` is to kill what has escaped from its worker's family."""
        self._tasks = tasks
        self._sweep = sweep
        self._watches: set[Watch] = set()
        self._looking: asyncio.Task[None] | None = None

    def watch(self, pid: int, limits: Limits, tell: Callable[[Excess], None]) -> Watch:
        """Begin to watch the worker ``pid``; ``tell`` hears of each look that finds too much, on the loop's thread."""
        watch = Watch(pid, limits, tell)
        self._watches.add(watch)
        if self._looking is None:
            self._looking = self._tasks.create_task(self._look_again_and_again())
        return watch

    def end(self, watch: Watch | None) -> None:
        """Watch no more; nothing is told any more. Without effect for None, and when it is repeated."""
        self._watches -= {watch}
        if not self._watches and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look_again_and_again(self) -> None:
        pause_s = PERIOD_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                judged, cost_s = await asyncio.to_thread(_judge, list(self._watches))
                pause_s = max(PERIOD_S, REST_PER_WORK * cost_s)
                for watch, excess in judged:
                    if watch in self._watches and excess.execution_id in (None, watch.execution_id):
                        watch.tell(excess)
                await self._sweep()
            except Exception:  # one failure in the task group would end every context
                _log.exception("limits could not be checked")


def _judge(watches: list[Watch]) -> tuple[list[tuple[Watch, Excess]], float]:
    """Return who uses too much, and what it took to find out, in seconds of processor time."""
    began = time.thread_time()
    snapshot = Snapshot()
    judged = [(watch, watch.judge(snapshot)) for watch in watches]
    return [(watch, excess) for watch, excess in judged if excess is not None], time.thread_time() - began
