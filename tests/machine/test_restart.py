"""The machine replaces a context's worker."""

import pytest
from machine_scripts import (
    END,
    EXITING,
    IDLE,
    INTERRUPT_AND_END,
    KILL,
    KILLED,
    REACHING,
    RESTART,
    RESTARTED,
    RUNNING,
    begin,
    done,
    finish,
    lost,
    machine,
    submit,
)

from interpreterd.machine.effects import ClearTimer, Effect, Finish, StartWorker
from interpreterd.machine.inputs import Exited, InterruptRequested, Restart, WorkerNotStarted, WorkerStarted
from interpreterd.machine.states import State
from interpreterd.model.events import Outcome

RESTART_EFFECTS: dict[State, list[Effect]] = {
    State.EMPTY: [StartWorker()],
    State.STARTING: [],
    State.IDLE: KILL,  # the worker has run no execution
    State.RUNNING: INTERRUPT_AND_END,
    State.INTERRUPTING: END,
    State.SETTLING: END,
    State.ENDING: [],
}


@pytest.mark.parametrize("state", RESTART_EFFECTS)
def test_restart_has_a_new_worker(state: State) -> None:
    it = machine(*REACHING[state])
    assert it.handle(RESTART) == RESTART_EFFECTS[state]
    assert it.handle(RESTART) == [], "it is on its way"
    if it.state is State.ENDING:
        assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()
    assert it.handle(WorkerStarted()) == []
    assert it.state is State.IDLE
    assert it.handle(submit("z")) == begin("z", restarted=state not in (State.EMPTY, State.STARTING))


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.INTERRUPTING, State.SETTLING, State.ENDING])
@pytest.mark.parametrize("cancel_queued", [False, True])
def test_restart_keeps_the_queue_unless_it_is_told_not_to(state: State, cancel_queued: bool) -> None:
    it = machine(*REACHING[state], submit("b"), submit("c"))
    effects = it.handle(Restart(RESTART.cause, cancel_queued))
    told = [Finish(name, Outcome.CANCELLED, RESTARTED, RESTART.cause) for name in ("b", "c")] if cancel_queued else []
    assert effects == [*told, *RESTART_EFFECTS[state]]
    if state is not State.STARTING:
        assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()
    assert it.handle(WorkerStarted()) == ([] if cancel_queued else begin("b", restarted=state is not State.STARTING))


def test_restart_loses_what_runs_and_says_why() -> None:
    it = machine(*RUNNING, RESTART)
    assert not any(isinstance(effect, Finish) for effect in it.handle(done("a"))), "too late"
    assert it.handle(InterruptRequested()) == []
    assert it.handle(Exited("killed by SIGKILL")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish("a", Outcome.LOST, RESTARTED, RESTART.cause),
        StartWorker(),
    ]


def test_restart_after_exit_lets_the_exit_handlers_end_and_the_execution_has_completed() -> None:
    it = machine(*EXITING, RESTART)
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a"), StartWorker()]


def test_restart_of_a_context_that_was_being_killed_for_another_reason() -> None:
    it = machine(*KILLED, RESTART)
    told = lost("a", "killed: it broke the protocol (garbage)")
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *told, StartWorker()]


def test_a_restart_is_asked_for_once_and_not_for_ever() -> None:
    it = machine(*IDLE, RESTART, Exited("killed by SIGKILL"), WorkerStarted())
    assert it.handle(Exited("exit status 3")) == [ClearTimer("grace")]
    assert it.state is State.EMPTY
    it = machine(*IDLE, RESTART, Exited("killed by SIGKILL"))
    assert it.handle(WorkerNotStarted("why")) == []
    assert it.state is State.EMPTY
