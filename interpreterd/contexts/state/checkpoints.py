"""The checkpoints of one context: parked copies of its workers, to which it can go back."""

import asyncio
from collections.abc import Callable, Iterable

from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.state.parked import Parked
from interpreterd.contexts.state.parking import Parking
from interpreterd.contexts.state.timeline import Timeline
from interpreterd.model.accounts import Account
from interpreterd.model.state_errors import (
    CheckpointExists,
    CheckpointNotFound,
    CheckpointsFull,
    NothingToUndo,
    OperationFailed,
    OutOfStep,
)
from interpreterd.monitoring.states import CheckpointEnd
from interpreterd.workers.branching import branch
from interpreterd.workers.worker import Worker


class Checkpoints:
    """A bounded number of them, in the order in which they were taken. Its context owns it.

    Attributes:
        timeline: What undo would take back.
    """

    def __init__(
        self,
        parking: Parking,
        limit: int,
        account: Account,
        *,
        count: int,
        elsewhere: int = 0,
        pid: Callable[[], int | None],
        on_change: Callable[[tuple[int, ...]], None],
        on_end: Callable[[Parked, CheckpointEnd], None],
    ) -> None:
        """Keep ``limit`` checkpoints, which count in ``account``, after ``count`` executions; see ``Timeline``.

        ``pid`` tells that of the worker, or None. ``on_change`` is called with the pids of all copies when they have
        changed, and ``on_end`` with a checkpoint that is gone while its context lives.
        """
        self.timeline = Timeline(count, limit + 1, elsewhere=elsewhere)
        self._kept_bytes = 0
        self._parking = parking
        self._limit = limit
        self._account = account
        self._pid = pid
        self._on_change = on_change
        self._on_end = on_end
        self._all: dict[str, Parked] = {}
        self._dying: set[Parked] = set()
        self._is_closed = False
        self._before: tuple[str, str] | None = None

    @property
    def kept_bytes(self) -> int:
        """See ``ParkedOf``."""
        return self._kept_bytes

    @kept_bytes.setter
    def kept_bytes(self, size_bytes: int) -> None:
        size_bytes = size_bytes if self._all else 0
        self._account.checkpoint_bytes += size_bytes - self._kept_bytes
        self._kept_bytes = size_bytes

    @property
    def original(self) -> int | None:
        """See ``ParkedOf``."""
        return self._pid()

    @property
    def pids(self) -> tuple[int, ...]:
        """The pids of the copies."""
        return tuple(it.worker.pid for it in self._all.values())

    def parked(self) -> Iterable[Parked]:
        """See ``ParkedOf``."""
        return list(self._all.values())

    def find(self, key: str) -> Parked:
        """Return the checkpoint of an id or a name. Raises ``CheckpointNotFound``."""
        found = self._all.get(key) or next((it for it in self._all.values() if it.name == key), None)
        if found is None or not key:
            raise CheckpointNotFound(key)
        return found

    def check(self, name: str = "") -> None:
        """Raise ``CheckpointExists`` or ``CheckpointsFull`` if none of this name, or none at all, may be taken."""
        if not self._limit:
            raise CheckpointsFull("this daemon keeps no checkpoints: --checkpoints is 0")
        if name and any(name in (it.id, it.name) for it in self._all.values()):
            raise CheckpointExists(name)
        if len(self._all) >= self._limit and self._oldest_automatic() is None:
            raise CheckpointsFull(
                f"the context has {len(self._all)} checkpoints that clients have made, and {self._limit} is the limit: "
                "delete one"
            )
        self._parking.check_room()

    async def take(self, worker: Worker, *, count: int, name: str = "", automatic: bool = False) -> Parked:
        """Take a checkpoint of ``worker``, which nobody else uses meanwhile, after ``count`` executions.

        Raises:
            CheckpointExists, CheckpointsFull, OperationFailed
            OutOfStep: The worker has to be killed.
        """
        self.check(name)
        branched = await branch(worker, purpose="checkpoint")
        (copy,) = branched.workers
        parked = Parked(
            copy,
            name=name,
            automatic=automatic,
            executions=count,
            lost=branched.lost,
            steps=self.timeline.steps,
            on_end=self._forget,
        )
        if self._is_closed or not parked.is_there:
            parked.drop(None)
            raise OperationFailed("no checkpoint could be taken: its process has ended at once")
        if len(self._all) >= self._limit and (oldest := self._oldest_automatic()) is not None:
            oldest.drop("oldest")
        self._all[parked.id] = parked
        self._account.checkpoints += 1
        self._parking.add(self)
        self._on_change(self.pids)
        return parked

    async def copy(self, parked: Parked) -> Worker:
        """Return a worker that is a copy of a checkpoint, which stays as it is; the caller owns it.

        Raises:
            CheckpointNotFound: The checkpoint has been deleted, or has ended, meanwhile.
            OperationFailed: No copy could be made.
        """
        parked.uses += 1
        try:
            async with parked.copying:
                if parked.is_there:
                    branched = await branch(parked.worker, purpose="restore")
                    return branched.workers[0]
        except OutOfStep as error:  # of the checkpoint's process, not of the context's worker
            parked.drop("died")
            raise OperationFailed(f"the checkpoint cannot be restored, and is lost: {error}") from error
        except OperationFailed as error:
            if parked.is_there:
                raise OperationFailed(f"the checkpoint cannot be restored: {error}") from error
        finally:
            parked.uses -= 1
        raise CheckpointNotFound(parked.name or parked.id)

    def precede(self, execution_id: str, parked: Parked) -> None:
        """A checkpoint has been taken for the execution of this id."""
        self._before = execution_id, parked.id

    def begin(self, execution: ExecutionRecord | None) -> None:
        """An execution runs now. One that does not count is undone with the one before it."""
        if execution is None or not execution.counts or execution.execution_count is None:
            return
        execution_id, checkpoint_id = self._before or ("", "")
        self.timeline.begin(execution.execution_count, checkpoint_id if execution_id == execution.id else None)

    def before_last(self) -> Parked:
        """Return the checkpoint that undo goes back to. Raises ``NothingToUndo``."""
        last = self.timeline.last
        if last is None:
            raise NothingToUndo("there is no execution to undo")
        if last.checkpoint_id is None:
            raise NothingToUndo(f'the last execution, {last.number}, ran without "checkpoint": true')
        found = self._all.get(last.checkpoint_id)
        if found is None:
            raise NothingToUndo(f"the checkpoint before the last execution, {last.number}, is no longer kept")
        return found

    def relieve(self) -> bool:
        """Drop the oldest automatic checkpoint, as its context needs memory or processes; return whether it could."""
        oldest = self._oldest_automatic()
        if oldest is not None:
            oldest.drop("memory")
        return oldest is not None

    async def measure(self) -> None:
        """Measure the memory of all."""
        await self._parking.measure(self)

    async def admit(self, new: Parked) -> None:
        """See ``Parking.admit``."""
        await self._parking.admit(self, new)

    async def close(self) -> None:
        """The context ends: drop all, and wait for the ends of their processes. Repeating it changes nothing."""
        self._is_closed = True
        for parked in list(self._all.values()):
            parked.drop(None)
        await asyncio.gather(*(it.gone() for it in self._dying))
        self._dying.clear()

    def _oldest_automatic(self) -> Parked | None:
        return next((it for it in self._all.values() if it.automatic and not it.uses), None)

    def _forget(self, parked: Parked, reason: CheckpointEnd | None) -> None:
        if self._all.pop(parked.id, None) is None:
            return
        self._account.checkpoints -= 1
        self._dying = {it for it in self._dying if not it.ended.is_set()} | {parked}
        if not self._all:
            self.kept_bytes = 0
            self._parking.discard(self)
        self._on_change(self.pids)
        if reason is not None:
            self._on_end(parked, reason)
