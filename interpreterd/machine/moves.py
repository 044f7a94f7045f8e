"""What goes into a context's machine and what comes out: inputs and effects."""

from attrs import frozen

from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import FromWorker, ToWorker

# Inputs


@frozen
class Start:
    """Have a worker before the first execution asks for one."""


@frozen
class Submit:
    """Run ``request`` as the execution of this id."""

    execution_id: str
    request: Execute


@frozen
class Started:
    """The worker that ``StartWorker`` asked for is there."""


@frozen
class StartFailed:
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
    name: str


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
    | Started
    | StartFailed
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


# Effects


@frozen
class StartWorker:
    """Start a worker; answer with ``Started`` or ``StartFailed``."""


@frozen
class Send:
    message: ToWorker


@frozen
class Interrupt:
    """SIGINT to the worker, and to what its execution has started and waits for."""


@frozen
class End:
    """Have the worker end as Python does, with exit handlers, after SIGINT if something runs; ``Exited`` follows."""

    interrupt: bool


@frozen
class Kill:
    """SIGKILL to the worker and everything that it started, or give up its start; ``Exited`` follows."""


@frozen
class GiveUp:
    """Leave behind a worker that was killed, and is not gone; ``Exited`` follows at once."""


@frozen
class SetTimer:
    """Answer with ``TimerFired`` after a while; no timer of that name is set."""

    name: str
    after_s: float


@frozen
class ClearTimer:
    """Forget the timer; no effect if it is not set."""

    name: str


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
class Finish:
    """The execution has ended; it is never named again."""

    execution_id: str
    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None


Effect = StartWorker | Send | Interrupt | End | Kill | GiveUp | SetTimer | ClearTimer | Begin | Ask | Finish
