"""The inputs of a context's machine: requests of clients, messages and ends of workers, timers."""

from attrs import frozen

from interpreterd.machine.effects import TimerName
from interpreterd.model.errors import InterpreterError
from interpreterd.model.functions import CallAnswer
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import FromWorker


@frozen
class Start:
    """Start a worker before the first execution needs one."""


@frozen
class Submit:
    """Run ``request`` as the execution of this id."""

    execution_id: str
    request: Execute


@frozen
class Operate:
    """Give the worker to the operation of this id, in turn with the executions."""

    operation_id: str


@frozen
class CancelOperation:
    """The operation of this id is no longer wanted; without effect once it has the worker, or has ended."""

    operation_id: str


@frozen
class Operated:
    """The operation that has the worker is done with it.

    Attributes:
        failure: Why it has failed, if it has. An execution that it was to precede does then not run.
    """

    failure: InterpreterError | None = None


@frozen
class Replaced:
    """The operation that has the worker has put another one in its place, with the variables of earlier executions."""


@frozen
class Hibernate:
    """The operation that has the worker is done with it, and the worker is to end: the next one gets what it has."""


@frozen
class Turn:
    """The next execution may begin; only while one waits for nothing but that, see ``Machine.wants_turn``."""


@frozen
class WorkerStarted:
    """The worker of ``StartWorker`` has started.

    Attributes:
        used: Whether it has run code before, as the copy of another one has.
    """

    used: bool = False


@frozen
class WorkerNotStarted:
    """The worker of ``StartWorker`` could not start: ``reason`` says why."""

    reason: str


@frozen
class Received:
    """The worker sent a message; all its earlier output has been delivered."""

    message: FromWorker


@frozen
class Broken:
    """The worker broke the protocol."""

    reason: str


@frozen
class Exited:
    """The worker's process has ended and been reaped. ``how`` completes "the worker …", as ``killed by SIGSEGV``."""

    how: str


@frozen
class TimerFired:
    """The timer of this name, which ``SetTimer`` set, has run out."""

    name: TimerName


@frozen
class InterruptRequested:
    """A client wants the running execution to stop."""


@frozen
class Cancel:
    """A client wants a queued execution to leave the queue."""

    execution_id: str


@frozen
class Answered:
    """A client answers the question of an execution; ``text`` is None for the end of the input."""

    execution_id: str
    text: str | None


@frozen
class CallAnswered:
    """A client, or the daemon in its place, answers the call of this number."""

    execution_id: str
    number: int
    answer: CallAnswer


@frozen
class Restart:
    """Start a new worker; ``cause`` ends the running execution, and with ``cancel_queued`` the queued ones."""

    cause: InterpreterError
    cancel_queued: bool = False


@frozen
class Exceeded:
    """The worker and its descendants exceed a limit: ``what`` is for example ``process limit of 64 exceeded``.

    With ``kill`` they must be killed; otherwise the execution is to blame, and is interrupted as by a timeout.
    """

    what: str
    kill: bool


@frozen
class Close:
    """End the context; ``cause`` ends its executions."""

    cause: InterpreterError


Input = (
    Start
    | Submit
    | Operate
    | CancelOperation
    | Operated
    | Hibernate
    | Replaced
    | Turn
    | WorkerStarted
    | WorkerNotStarted
    | Received
    | Broken
    | Exited
    | TimerFired
    | InterruptRequested
    | Cancel
    | Answered
    | CallAnswered
    | Restart
    | Exceeded
    | Close
)
