"""All checkpoints of the daemon: the memory of their processes is bounded."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeVar

from interpreterd.background import supervised
from interpreterd.contexts.state.parked import Parked
from interpreterd.model.limits import size_in_words
from interpreterd.model.state_errors import CheckpointsFull, OperationFailed
from interpreterd.processes.copied_memory import CopiedMemory, Copies, first_bytes, measure_copies
from interpreterd.processes.usage import STUCK_S

MEASURED_EVERY_S: Final = 2.0
REST_PER_MEASUREMENT: Final = 100  # at most a hundredth of a processor
_log = logging.getLogger(__name__)
_A = TypeVar("_A")
_T = TypeVar("_T")


class ParkedOf(Protocol):
    """The parked copies of one context."""

    @property
    def kept_bytes(self) -> int:
        """The memory that all of them together keep from being free, when it was last measured."""
        ...

    @kept_bytes.setter
    def kept_bytes(self, size_bytes: int) -> None: ...

    @property
    def original(self) -> int | None:
        """The pid of the context's worker; None without one."""
        ...

    def parked(self) -> Iterable[Parked]:
        """Return them, oldest first."""
        ...


class Parking:
    """Where the parked copies of all contexts are.

    Their memory grows when their originals change pages that were shared, so it is measured now and then, and closely
    for an answer. Beyond the limit the oldest automatic checkpoint of any context is dropped. If there is none, a new
    checkpoint is refused; and if the memory has only grown, the context that keeps most loses its oldest one.
    """

    def __init__(self, tasks: asyncio.TaskGroup, limit_bytes: int) -> None:
        """Keep ``limit_bytes`` at most; look in ``tasks`` while there are copies."""
        self._tasks = tasks
        self._limit_bytes = limit_bytes
        self._of: dict[ParkedOf, None] = {}  # a set in order
        self._measuring = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None

    @property
    def kept_bytes(self) -> int:
        """The memory of all copies, when it was last measured."""
        return sum(it.kept_bytes for it in self._of)

    @property
    def count(self) -> int:
        """The number of copies."""
        return sum(1 for it in self._of for _ in it.parked())

    def check_room(self) -> None:
        """Raise ``CheckpointsFull`` if no new copy may be made: all memory is taken, and no copy would give way."""
        if self.kept_bytes >= self._limit_bytes and self._oldest_automatic() is None:
            raise self._full()

    def add(self, its: ParkedOf) -> None:
        """A context has copies now."""
        self._of[its] = None
        if self._looking is None:
            self._looking = supervised(self._tasks, self._look_again_and_again(), _log, "checkpoints are not measured")

    def discard(self, its: ParkedOf) -> None:
        """A context has no copies any more."""
        self._of.pop(its, None)
        if not self._of:
            self.close()

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def measure(self, *chosen: ParkedOf) -> None:
        """Measure the copies of ``chosen`` contexts."""
        async with self._measuring:
            groups = [(its, list(its.parked())) for its in chosen]
            asked = [Copies(its.original, tuple(it.worker.pid for it in parked)) for its, parked in groups]
            found = await self._in_thread(measure_copies, asked)
            if found is None:
                return
            for (its, parked), memory in zip(groups, found, strict=True):
                _take(its, parked, memory)

    async def _in_thread(self, function: Callable[[_A], _T], what: _A) -> _T | None:
        try:
            async with asyncio.timeout(STUCK_S):
                return await asyncio.to_thread(function, what)
        except (TimeoutError, OSError, RuntimeError) as error:  # no room for a thread
            _log.warning("checkpoints could not be measured: %s", str(error) or "it takes too long")
            return None

    async def admit(self, its: ParkedOf, new: Parked) -> None:
        """Find out what ``new`` of a context costs, roughly, and let others give way if it needs that.

        Raises:
            CheckpointsFull: None would; it has been dropped.
            OperationFailed: It has ended meanwhile, for another reason.
        """
        new.private_bytes = await self._in_thread(first_bytes, new.worker.pid)
        if not new.is_there:
            raise OperationFailed("the checkpoint is not kept: its context, or its process, has just ended")
        its.kept_bytes += new.private_bytes or 0
        await self._shrink(lambda: new)
        if not new.is_there:
            raise self._full()

    async def _shrink(self, last: Callable[[], Parked | None]) -> None:
        """Drop copies until the others have room: automatic ones, the oldest first, then ``last()``."""
        while self.kept_bytes > self._limit_bytes:
            victim = self._oldest_automatic() or last()
            if victim is None or not victim.is_there:
                return
            _log.warning(
                "checkpoint %s is dropped: all together exceed %s", victim.id, size_in_words(self._limit_bytes)
            )
            its = next((it for it in self._of if victim in it.parked()), None)
            victim.drop("memory")
            await victim.gone()
            if its is not None:
                await self.measure(its)

    def _oldest_automatic(self) -> Parked | None:
        automatic = (it for its in self._of for it in its.parked() if it.automatic and not it.uses)
        return min(automatic, key=lambda it: it.created_at, default=None)

    def _oldest_of_the_largest(self) -> Parked | None:
        largest = max(self._of, key=lambda its: its.kept_bytes, default=None)
        return None if largest is None else next((it for it in largest.parked() if not it.uses), None)

    async def _look_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = MEASURED_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            began = loop.time()
            try:
                await self.measure(*self._of)
                await self._shrink(self._oldest_of_the_largest)
            except Exception:  # one failure must not end the looks
                _log.exception("checkpoints could not be measured")
            pause_s = max(MEASURED_EVERY_S, REST_PER_MEASUREMENT * (loop.time() - began))

    def _full(self) -> CheckpointsFull:
        limit = size_in_words(self._limit_bytes)
        return CheckpointsFull(f"the checkpoints of all contexts have taken up their memory: the limit is {limit}")


def _take(its: ParkedOf, parked: Iterable[Parked], memory: CopiedMemory | None) -> None:
    if memory is None:
        return
    its.kept_bytes = memory.kept_bytes
    for it in parked:
        it.private_bytes = memory.private_bytes.get(it.worker.pid, it.private_bytes)
