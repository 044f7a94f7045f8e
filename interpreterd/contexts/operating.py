"""The half of a context that lends its worker to operations."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from interpreterd.contexts.operations import OnWorker, Operations, forget
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.slot import Slot
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine import effects, inputs
from interpreterd.machine.machine import Machine
from interpreterd.model.errors import InterpreterError

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

    def _feed(self, event: inputs.Input) -> None: ...

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
        if self._operations is None:
            self._operations = Operations(
                self._tasks,
                feed=self._feed,
                worker=lambda: self._slot.worker,
                current=lambda: self._machine.operating_id,
            )
        return await self._operations.operate(work, unwanted)

    def tend(self, operation: effects.Perform | effects.EndOperation) -> None:
        """Give the worker to an operation, or take it away."""
        assert self._operations is not None
        if isinstance(operation, effects.Perform):
            self._operations.perform(operation.operation_id)
        else:
            self._operations.end(operation.operation_id, operation.cause)
