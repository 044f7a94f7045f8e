"""The effects of a context's machine: instructions for its driver, ``contexts/context.py``."""

from typing import Literal

from attrs import frozen

from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.files import ChangedFiles
from interpreterd.model.functions import CallOutcome
from interpreterd.model.looks import Found
from interpreterd.pipe.calls import Called
from interpreterd.pipe.messages import ToWorker

TimerName = Literal["timeout", "grace", "given up", "dropped"]


@frozen
class StartWorker:
    """Start a worker; ``WorkerStarted`` or ``WorkerNotStarted`` follows."""


@frozen
class Send:
    """Send ``message`` to the worker."""

    message: ToWorker


@frozen
class InterruptWorker:
    """Send SIGINT to the worker, and to the processes that its execution has started and waits for."""


@frozen
class EndWorker:
    """Let the worker end as Python does, with exit handlers, after SIGINT if code runs; ``Exited`` follows."""

    interrupt: bool


@frozen
class KillWorker:
    """Send SIGKILL to the worker and all its descendants, or give up its start; ``Exited`` follows."""


@frozen
class GiveUp:
    """Leave a killed worker that does not end; ``Exited`` follows at once."""


@frozen
class SetTimer:
    """Answer with ``TimerFired`` after a while; no timer of that name is set."""

    name: TimerName
    after_s: float


@frozen
class ClearTimer:
    """Forget the timer; no effect if it is not set."""

    name: TimerName


@frozen
class Begin:
    """The execution runs now, in a new worker if ``restarted``."""

    execution_id: str
    restarted: bool = False


@frozen
class Ask:
    """The execution waits for its client's input."""

    execution_id: str
    prompt: str
    password: bool


@frozen
class Call:
    """The execution calls a host function, and waits for the answer of a client."""

    called: Called


@frozen
class EndCall:
    """The call has ended; its number is never named again."""

    execution_id: str
    number: int
    outcome: CallOutcome


@frozen
class Finish:
    """The execution has ended; it is never named again."""

    execution_id: str
    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None
    found: Found | None = None
    files: ChangedFiles | None = None


@frozen
class Perform:
    """The operation has the worker, which nothing else uses until ``Operated``, or until ``EndOperation``."""

    operation_id: str


@frozen
class Precede:
    """Take a checkpoint: the execution comes next. It is an operation that has the worker, and the execution's id."""

    execution_id: str


@frozen
class EndOperation:
    """The operation can not be performed, or not to its end: the worker is no longer its own."""

    operation_id: str
    cause: InterpreterError


Effect = (
    StartWorker
    | Send
    | InterruptWorker
    | EndWorker
    | KillWorker
    | GiveUp
    | SetTimer
    | ClearTimer
    | Begin
    | Ask
    | Call
    | EndCall
    | Finish
    | Perform
    | Precede
    | EndOperation
)
