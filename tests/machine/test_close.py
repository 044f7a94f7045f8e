"""The machine closes a context."""

import pytest
from machine_scripts import (
    ACTIVE,
    CAUSE,
    END,
    EXITING,
    INTERRUPT_AND_END,
    INTERRUPTING,
    KILL,
    KILLED,
    REACHING,
    RUNNING,
    SETTLING,
    TOO_LONG,
    done,
    machine,
    submit,
)

from interpreterd.machine.effects import ClearTimer, Effect, Finish, GiveUp, KillWorker
from interpreterd.machine.inputs import (
    Broken,
    Close,
    Exited,
    Input,
    InterruptRequested,
    Received,
    TimerFired,
    WorkerNotStarted,
    WorkerStarted,
)
from interpreterd.machine.states import State
from interpreterd.model.errors import (
    ServerShuttingDown,
)
from interpreterd.model.events import Failure, Outcome
from interpreterd.pipe.messages import Configured

TOLD = Failure(name="ContextError", value="context deleted: c")
FINISHED: list[Effect] = [ClearTimer("timeout"), Finish("a", Outcome.LOST, TOLD, CAUSE)]
CLOSE_EFFECTS: dict[State, tuple[list[Effect], list[Effect]]] = {
    State.EMPTY: ([], []),
    State.STARTING: ([], [KillWorker()]),
    State.IDLE: ([], KILL[1:]),  # the worker has run no execution
    State.RUNNING: (FINISHED, INTERRUPT_AND_END[1:]),
    State.INTERRUPTING: (FINISHED, END[1:]),
    State.SETTLING: ([], END[1:]),
    State.ENDING: (FINISHED, END[1:]),
}


@pytest.mark.parametrize("state", CLOSE_EFFECTS)
def test_close(state: State) -> None:
    it = machine(*REACHING[state])
    assert it.state is state
    told, to_the_worker = CLOSE_EFFECTS[state]
    assert it.handle(Close(CAUSE)) == [*told, *to_the_worker]
    assert it.state is State.CLOSED
    assert it.state not in ACTIVE
    assert it.handle(Close(ServerShuttingDown())) == []


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.INTERRUPTING, State.SETTLING, State.ENDING])
def test_close_ends_all_waiting_executions(state: State) -> None:
    effects = machine(*REACHING[state], submit("b"), submit("c")).handle(Close(CAUSE))
    told, to_the_worker = CLOSE_EFFECTS[state]
    cancelled = [Finish(name, Outcome.CANCELLED, TOLD, CAUSE) for name in ("b", "c")]
    assert effects == [*told, *cancelled, *to_the_worker]


@pytest.mark.parametrize("before", [(*RUNNING, done("a")), RUNNING, INTERRUPTING, SETTLING, EXITING])
def test_a_closed_context_s_worker_has_a_moment_then_is_killed_then_given_up(before: tuple[Input, ...]) -> None:
    it = machine(*before, Close(CAUSE))
    assert it.handle(TimerFired("grace")) == KILL[1:]
    assert it.handle(TimerFired("grace")) == [GiveUp()]
    assert it.handle(Exited("killed, but not gone")) == [ClearTimer("grace")]


def test_close_does_not_make_the_time_longer_in_which_a_worker_is_to_die() -> None:
    it = machine(*KILLED)
    assert it.handle(Close(CAUSE)) == [*FINISHED, KillWorker()]
    assert it.handle(TimerFired("grace")) == [GiveUp()]


def test_a_closed_context_s_worker_may_say_how_its_execution_ended_and_little_else() -> None:
    it = machine(*RUNNING, Close(CAUSE))
    assert it.handle(done("a")) == it.handle(done("a")) == []
    assert it.handle(done("a")) == KILL[1:]
    assert machine(*RUNNING, Close(CAUSE)).handle(Received(Configured())) == KILL[1:]
    assert machine(*RUNNING, done("a"), Close(CAUSE)).handle(done("a")) == KILL[1:], "nothing ran"


LATE: list[Input] = [
    WorkerStarted(),
    WorkerNotStarted("why"),
    done("a"),
    Broken("garbage"),
    InterruptRequested(),
    TOO_LONG,
]


@pytest.mark.parametrize("event", LATE, ids=lambda event: type(event).__name__)
def test_nothing_happens_after_the_end(event: Input) -> None:
    assert machine(*RUNNING, Close(CAUSE)).handle(event) == []
