"""What goes into a context's machine: what its clients want, what its worker does, what time it is."""

from attrs import frozen

from interpreterd.machine.effects import TimerName
from interpreterd.model.errors import InterpreterError
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import FromWorker


@frozen
class Start:
    """Have a worker before the first execution asks for one."""


@frozen
class Submit:
    """Run ``request`` as the execution of this id."""

    execution_id: str
    request: Execute


@frozen
class WorkerStarted:
    """The worker that ``StartWorker`` asked for is there."""


@frozen
class WorkerNotStarted:
    """There is none: ``reason`` says why."""

    reason: str


@frozen
class Received:
    """The worker said something; all that it had written before has been delivered."""

    message: FromWorker


@frozen
class Broken:
    """The worker cannot be understood any more."""

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
    """A client wants the execution that runs to stop."""


@frozen
class Cancel:
    """A client wants a queued execution to leave the queue."""

    execution_id: str


@frozen
class Answered:
    """A client answers what the execution asked for; ``text`` is None for the end of the input."""

    execution_id: str
    text: str | None


@frozen
class Restart:
    """Have a new worker; ``cause`` is told to whoever runs, and with ``cancel_queued`` to those who wait."""

    cause: InterpreterError
    cancel_queued: bool = False


@frozen
class Exceeded:
    """The worker and what it started used more than they may: ``what`` as ``process limit of 64 exceeded``.

    If ``kill``, nothing less will do; otherwise it is the execution's fault, and ends it as a timeout would.
    """

    what: str
    kill: bool


@frozen
class Close:
    """End the context; ``cause`` is told to those who wait for it."""

    cause: InterpreterError


Input = (
    Start
    | Submit
    | WorkerStarted
    | WorkerNotStarted
    | Received
    | Broken
    | Exited
    | TimerFired
    | InterruptRequested
    | Cancel
    | Answered
    | Restart
    | Exceeded
    | Close
)
