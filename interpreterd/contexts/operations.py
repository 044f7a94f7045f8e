"""Operations of one context: work on its worker between executions, in turn with them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import define, field

from interpreterd.contexts.ids import new_id
from interpreterd.machine import inputs
from interpreterd.model.errors import InterpreterError
from interpreterd.model.state_errors import OperationFailed, OutOfStep
from interpreterd.workers.worker import Worker

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
OnWorker = Callable[[Worker], Awaitable[_T]]


def forget(answer: object) -> None: ...


@define(eq=False)
class _Operation(Generic[_T]):
    """One operation, from its request to its end.

    Attributes:
        unwanted: Takes the answer if its caller has gone.
        task: Does the work, once the operation has the worker.
    """

    work: OnWorker[_T]
    unwanted: Callable[[_T], None]
    answer: "asyncio.Future[_T]" = field(factory=lambda: asyncio.get_running_loop().create_future())
    task: "asyncio.Task[None] | None" = None

    def succeed(self, answer: _T) -> None:
        if self.answer.done():
            self.unwanted(answer)
        else:
            self.answer.set_result(answer)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # marks it as seen, also if no caller waits


class Operations:
    """The operations of one context that wait or have its worker. The machine decides whose turn it is."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        *,
        feed: Callable[[inputs.Input], None],
        worker: Callable[[], Worker | None],
        current: Callable[[], str | None],
    ) -> None:
        """``feed`` the machine; ``worker`` is the present one, and ``current`` the id of the operation that has it."""
        self._tasks = tasks
        self._feed = feed
        self._worker = worker
        self._current = current
        self._open: dict[str, _Operation[Any]] = {}

    async def operate(self, work: OnWorker[_T], unwanted: Callable[[_T], None] = forget) -> _T:
        """Return what ``work`` returns for the worker, which nothing else uses meanwhile.

        If the caller goes away, an operation that waits is forgotten, and one that has begun goes on: ``unwanted`` gets
        its answer. ``work`` sets its own limits of time. It may raise ``OutOfStep``: then the worker is killed.

        Raises:
            InterpreterError: Of ``work``; or the worker cannot start, or ends, or its context does.
        """
        operation = _Operation(work, unwanted)
        operation_id = new_id()
        self._open[operation_id] = operation
        self._feed(inputs.Operate(operation_id))
        try:
            return await asyncio.shield(operation.answer)
        except asyncio.CancelledError:
            if operation.task is None and self._open.pop(operation_id, None) is not None:
                self._feed(inputs.CancelOperation(operation_id))
            operation.answer.cancel()
            raise

    def precede(self, execution_id: str, work: OnWorker[object]) -> None:
        """Do ``work`` now; the execution of this id comes next, and does not run if the work fails."""
        self._open[execution_id] = _Operation(work, forget)
        self.perform(execution_id)

    def perform(self, operation_id: str) -> None:
        """The operation has the worker now."""
        operation = self._open[operation_id]
        operation.task = self._tasks.create_task(self._perform(operation_id, operation))

    def end(self, operation_id: str, cause: InterpreterError) -> None:
        """The operation does not have the worker any more, or never gets it."""
        if (operation := self._open.pop(operation_id, None)) is not None:
            operation.fail(cause)
            if operation.task is not None:
                operation.task.cancel()

    async def _perform(self, operation_id: str, operation: _Operation[Any]) -> None:
        broken: str | None = None
        failure: InterpreterError | None = None
        try:
            worker = self._worker()
            assert worker is not None
            operation.succeed(await operation.work(worker))
        except asyncio.CancelledError:
            if operation_id in self._open:  # the daemon ends
                raise
            return
        except OutOfStep as error:
            broken = str(error)
            operation.fail(error)
        except InterpreterError as error:
            failure = error.again()  # the operation keeps the error itself
            operation.fail(error)
        except Exception as error:
            _log.exception("a mistake in the daemon")
            failure = OperationFailed("internal error; the daemon's log says more")
            operation.fail(error)
        self._open.pop(operation_id, None)
        if self._current() != operation_id:
            return
        self._feed(inputs.Operated(failure) if broken is None else inputs.Broken(broken))
