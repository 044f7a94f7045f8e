"""The half of a context that lends its worker to operations."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from interpreterd.contexts.operations import OnWorker, Operations, forget
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.slot import Slot
from interpreterd.contexts.state.keeper import Keeper
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine import effects, inputs
from interpreterd.machine.machine import Machine
from interpreterd.model.accounts import Account
from interpreterd.model.errors import InterpreterError
from interpreterd.model.state_errors import OperationFailed
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.state.checkpoints import Checkpoints

_T = TypeVar("_T")


class Operating(Protocol):
    """Work between the executions of ``Context``, which has these parts."""

    id: str
    _machine: Machine
    _slot: Slot
    _tasks: asyncio.TaskGroup
    _transcript: Transcript
    _closed_by: InterpreterError | None
    _operations: Operations | None = None  # until the first one
    account: Account
    origin: Origin | None
    keeper: Keeper | None
    checkpoints: "Checkpoints | None" = None  # until the first one

    def _feed(self, event: inputs.Input) -> None: ...

    @property
    def transcript(self) -> Transcript: ...

    @property
    def slot(self) -> Slot:
        """The place of its worker."""
        return self._slot

    def as_origin(self) -> Origin:
        """Return where a fork of it goes on."""
        return Origin(self.id, self._machine.begun, *self._transcript.counts)

    async def operate(self, work: OnWorker[_T], unwanted: Callable[[_T], None] = forget) -> _T:
        """Do ``work`` between two executions; see ``Operations``. Raises also ``LimitReached``: the queue is full."""
        self._machine.check_room()
        if self._closed_by is not None:
            raise self._closed_by.again()
        return await self._its_operations().operate(work, unwanted)

    def tend(self, operation: effects.Perform | effects.Precede | effects.EndOperation) -> None:
        """Give the worker to an operation, or take it away."""
        operations = self._its_operations()
        if isinstance(operation, effects.Perform):
            operations.perform(operation.operation_id)
        elif isinstance(operation, effects.Precede):
            operations.precede(operation.execution_id, partial(self._keep_before, operation.execution_id))
        else:
            operations.end(operation.operation_id, operation.cause)

    def _its_operations(self) -> Operations:
        if self._operations is None:
            self._operations = Operations(
                self._tasks,
                feed=self._feed,
                worker=lambda: self._slot.worker,
                current=lambda: self._machine.operating_id,
            )
        return self._operations

    async def _keep_before(self, execution_id: str, worker: Worker) -> None:
        """Take a checkpoint for the execution of this id, which comes next."""
        if self.keeper is None:
            raise OperationFailed("this context has no checkpoints")
        from interpreterd.contexts.state.going_back import keep_before

        await keep_before(execution_id, self, self.keeper.checkpoints_of(self), worker, self._tasks)

    def replace_worker(self, worker: Worker) -> None:
        """Put ``worker`` in the place of the present one, within an operation. It has the variables of executions."""
        self._slot.replace(worker)
        self._feed(inputs.Replaced())
