"""What comes out of a context's machine: what its driver, ``contexts/context.py``, is to do."""

from typing import Literal

from attrs import frozen

from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Failure, Outcome
from interpreterd.pipe.messages import ToWorker

TimerName = Literal["timeout", "grace", "given up"]


@frozen
class StartWorker:
    """Start a worker; ``WorkerStarted`` or ``WorkerNotStarted`` follows."""


@frozen
class Send:
    """Pass ``message`` on to the worker."""

    message: ToWorker


@frozen
class InterruptWorker:
    """SIGINT to the worker, and to what its execution has started and waits for."""


@frozen
class EndWorker:
    """Have the worker end as Python does, with exit handlers, after SIGINT if something runs; ``Exited`` follows."""

    interrupt: bool


@frozen
class KillWorker:
    """SIGKILL to the worker and everything that it started, or give up its start; ``Exited`` follows."""


@frozen
class GiveUp:
    """Leave behind a worker that was killed, and is not gone; ``Exited`` follows at once."""


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
class Finish:
    """The execution has ended; it is never named again."""

    execution_id: str
    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None


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
    | Finish
)
