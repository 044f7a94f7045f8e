"""A parked copy of a worker, which is what a checkpoint is: an idle process that is never given code."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from interpreterd.contexts.ids import new_id
from interpreterd.contexts.state.timeline import Past
from interpreterd.model.checkpoints import CheckpointInfo
from interpreterd.model.forks import Lost
from interpreterd.monitoring.states import CheckpointEnd
from interpreterd.pipe.messages import FromWorker
from interpreterd.workers.worker import Deaf, Worker

DIES_WITHIN_S: Final = 1.0  # after SIGKILL; it takes longer only if the kernel, or a tracer, holds the process
_log = logging.getLogger(__name__)


class Parked(Deaf):
    """A checkpoint, and its copy. The listener of the copy: whatever ends that, ends the checkpoint.

    User code does not run in the copy. But code of the context may send it signals, and may write to its channel: an
    unexpected message kills it.

    Attributes:
        worker: The copy.
        automatic: Whether it was taken for an execution that asked for it; such a checkpoint gives way to others.
        executions: How many executions of the context had begun.
        lost: What the fork could not carry.
        steps: What undo knew at that moment.
        uses: How many copies of it are being made now; meanwhile it does not give way.
        copying: Held while a copy is made: a restore that was given up may still have to wait for the end of its own.
        private_bytes: Memory that it has alone, when it was last measured; None before.
        ended: Set when the process has ended.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        name: str,
        automatic: bool,
        executions: int,
        lost: Sequence[Lost],
        steps: tuple[Past, ...],
        on_end: Callable[["Parked", CheckpointEnd | None], None],
    ) -> None:
        """Take over ``worker``, which only the caller has.

        ``on_end`` is called once, when it is dropped or ends, with the reason.
        """
        self.id = new_id()
        self.name = name
        self.automatic = automatic
        self.executions = executions
        self.lost = tuple(lost)
        self.steps = steps
        self.created_at = time.time()
        self.worker = worker
        self.uses = 0
        self.copying = asyncio.Lock()
        self.private_bytes: int | None = None
        self.ended = asyncio.Event()
        self._on_end: Callable[[Parked, CheckpointEnd | None], None] | None = on_end
        worker.listener = self
        if worker.exited is not None:
            self.on_exit(worker.exited)
        elif worker.broken is not None:
            self.on_broken(worker.broken)

    @property
    def is_there(self) -> bool:
        """Whether it has been neither dropped nor ended."""
        return self._on_end is not None

    def info(self) -> CheckpointInfo:
        """Return the checkpoint as clients see it."""
        return CheckpointInfo(
            id=self.id,
            name=self.name,
            created_at=self.created_at,
            memory_bytes=self.private_bytes,
            automatic=self.automatic,
            executions=self.executions,
            lost=self.lost,
        )

    def drop(self, reason: CheckpointEnd | None) -> None:
        """Forget it, and kill its process; None if its context ends. Repeating it changes nothing."""
        if self.is_there:
            self._forget(reason)
            self.worker.kill()

    async def gone(self) -> None:
        """Wait for the end of a process that was dropped; after ``DIES_WITHIN_S``, leave it to the kernel."""
        try:
            async with asyncio.timeout(DIES_WITHIN_S):
                await self.ended.wait()
        except TimeoutError:
            self.worker.give_up(f"killed, but not gone within {DIES_WITHIN_S:g} s")

    def on_message(self, message: FromWorker) -> None:
        """See ``Listener``."""
        self._end_because(f"it sent an unexpected {type(message).__name__}")

    def on_broken(self, reason: str) -> None:
        """See ``Listener``."""
        self._end_because(reason)

    def on_exit(self, how: str) -> None:
        """See ``Listener``."""
        if self.is_there:
            _log.warning("checkpoint %s is lost: its process has ended: %s", self.id, how)
        self._forget("died")
        self.ended.set()

    def _end_because(self, reason: str) -> None:
        if self.is_there:
            _log.warning("checkpoint %s is lost: its process broke the protocol: %s", self.id, reason)
            self.drop("died")

    def _forget(self, reason: CheckpointEnd | None) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(self, reason)
