"""Short forms of the machine's inputs and effects, and a script of inputs that reaches each state."""

from typing import Any

from interpreterd.machine.effects import Begin, ClearTimer, Effect, EndWorker, Finish, KillWorker, Send, SetTimer
from interpreterd.machine.inputs import (
    Broken,
    Close,
    Exceeded,
    Input,
    InterruptRequested,
    Operate,
    Received,
    Restart,
    Start,
    Submit,
    TimerFired,
    WorkerStarted,
)
from interpreterd.machine.machine import Machine
from interpreterd.machine.states import State
from interpreterd.machine.steps import END_LIMIT_S, GIVE_UP_AFTER_S
from interpreterd.model.errors import ContextDeleted, ContextRestarted
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Done, Exiting, Run

GRACE_S = 2.0
CAUSE = ContextDeleted("c")
NAME_ERROR = Failure(name="NameError", value="name 'x' is not defined", traceback="Traceback …")
INTERRUPTED = Failure(name="KeyboardInterrupt", value="", traceback="Traceback …")
TIMED_OUT = "execution timed out after 5 s"
TOO_MUCH = Exceeded("memory limit of 512 MiB exceeded", kill=True)
TOO_LONG = Exceeded("CPU limit of 10 s exceeded", kill=False)


class Like:
    """Equal to every error of the same type and text."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self._error) and str(other) == str(self._error)

    def __repr__(self) -> str:
        return f"like {self._error!r}"


class _RunOf:
    """Equal to every message that runs the execution of this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __eq__(self, other: object) -> bool:
        told = type(other) is Run and (other.execution_id, other.request.code)
        return told == (self._name, f"code of {self._name}")

    def __repr__(self) -> str:
        return f"run {self._name}"


def run_of(name: str) -> Any:
    return _RunOf(name)


# The effects that kill a worker and set the time in which it must die.
KILL: list[Effect] = [ClearTimer("timeout"), ClearTimer("grace"), KillWorker(), SetTimer("grace", GIVE_UP_AFTER_S)]


def like(error: Exception) -> Any:
    return Like(error)


def submit(name: str, timeout_s: int | None = None) -> Submit:
    return Submit(name, Execute(code=f"code of {name}", timeout_s=timeout_s))


def begin(name: str, *, restarted: bool = False) -> list[Effect]:
    return [Begin(name, restarted), Send(run_of(name))]


def done(name: str, error: Failure | None = None) -> Received:
    return Received(Done(execution_id=name, error=error))


def finish(name: str, error: Failure | None = None) -> list[Effect]:
    return [ClearTimer("timeout"), Finish(name, Outcome.COMPLETED, error)]


def lost(name: str, how: str) -> list[Effect]:
    return [ClearTimer("timeout"), Finish(name, Outcome.LOST, Failure(name="WorkerDied", value=how))]


def machine(*inputs: Input, queue_limit: int = 10, **options: Any) -> Machine:
    """Return a machine that has handled ``inputs``."""
    it = Machine(queue_limit=queue_limit, grace_s=GRACE_S, **options)
    for event in inputs:
        it.handle(event)
    return it


IDLE: tuple[Input, ...] = (Start(), WorkerStarted())
RUNNING: tuple[Input, ...] = (*IDLE, submit("a", timeout_s=5))
TIMING_OUT: tuple[Input, ...] = (*RUNNING, TimerFired("timeout"))
INTERRUPTING: tuple[Input, ...] = (*RUNNING, InterruptRequested())
SETTLING: tuple[Input, ...] = (*INTERRUPTING, done("a", INTERRUPTED))
EXITING: tuple[Input, ...] = (*RUNNING, Received(Exiting(execution_id="a")))
KILLED: tuple[Input, ...] = (*RUNNING, Broken("garbage"))
REACHING: dict[State, tuple[Input, ...]] = {
    State.EMPTY: (),
    State.STARTING: (Start(),),
    State.IDLE: IDLE,
    State.RUNNING: RUNNING,
    State.OPERATING: (*IDLE, Operate("o")),
    State.INTERRUPTING: INTERRUPTING,
    State.SETTLING: SETTLING,
    State.ENDING: EXITING,
    State.CLOSED: (Close(ContextDeleted("c")),),
}
ACTIVE = frozenset({State.IDLE, State.RUNNING, State.INTERRUPTING, State.OPERATING, State.SETTLING})
RESTART = Restart(ContextRestarted("c"))
RESTARTED = Failure(name="ContextError", value=str(RESTART.cause))
END: list[Effect] = [
    ClearTimer("timeout"),
    ClearTimer("grace"),
    EndWorker(interrupt=False),
    SetTimer("grace", END_LIMIT_S),
]
INTERRUPT_AND_END: list[Effect] = [
    ClearTimer("timeout"),
    ClearTimer("grace"),
    EndWorker(interrupt=True),
    SetTimer("grace", END_LIMIT_S),
]
