"""Single inputs of the machine: ``exit()``, an exceeded limit, a cancelled execution, a failed start."""

import pytest
from machine_scripts import (
    ACTIVE,
    CAUSE,
    EXITING,
    GRACE_S,
    IDLE,
    INTERRUPTED,
    INTERRUPTING,
    KILL,
    KILLED,
    NAME_ERROR,
    REACHING,
    RUNNING,
    SETTLING,
    TIMED_OUT,
    TIMING_OUT,
    TOO_LONG,
    TOO_MUCH,
    begin,
    done,
    finish,
    like,
    lost,
    machine,
    submit,
)

from interpreterd.machine.effects import ClearTimer, Finish, InterruptWorker, KillWorker, SetTimer, StartWorker
from interpreterd.machine.inputs import (
    Broken,
    Cancel,
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
from interpreterd.machine.table import TRANSITIONS
from interpreterd.model.errors import ExecutionInterrupted, ExecutionTimedOut, LimitExceeded, WorkerStartFailed
from interpreterd.model.events import Failure, Outcome
from interpreterd.pipe.messages import Exiting


def test_exit_completes_once_the_worker_is_gone() -> None:
    it = machine(*RUNNING)
    assert it.handle(Received(Exiting(execution_id="a"))) == [
        ClearTimer("timeout"),
        ClearTimer("grace"),
        SetTimer("grace", GRACE_S),
    ]
    assert it.state not in ACTIVE
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a")]
    assert it.state is State.EMPTY


def test_the_next_execution_is_told_of_the_restart_and_only_that_one() -> None:
    it = machine(*EXITING, submit("b"), submit("c"))
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a"), StartWorker()]
    assert it.handle(WorkerStarted()) == begin("b", restarted=True)
    assert it.handle(done("b")) == [*finish("b"), *begin("c")]


def test_an_exit_handler_that_hangs_is_killed_and_the_execution_has_completed() -> None:
    it = machine(*EXITING)
    assert it.handle(TimerFired("grace")) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *finish("a")]


def test_nothing_that_a_worker_says_on_its_way_out_counts() -> None:
    it = machine(*EXITING, submit("b"))
    assert it.handle(Broken("garbage")) == []
    assert it.handle(InterruptRequested()) == []
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a"), StartWorker()]


def test_a_worker_that_talks_on_its_way_out_is_killed_and_the_execution_has_completed() -> None:
    it = machine(*EXITING)
    assert it.handle(done("a", NAME_ERROR)) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *finish("a")]


def test_an_execution_that_uses_too_much_is_lost_and_the_error_says_what_it_was() -> None:
    it = machine(*RUNNING, submit("b"))
    assert it.handle(TOO_MUCH) == KILL
    assert it.state not in ACTIVE
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *lost("a", TOO_MUCH.what), StartWorker()]
    assert it.handle(WorkerStarted()) == begin("b", restarted=True)


def test_an_idle_worker_that_uses_too_much_is_killed_and_nothing_is_lost_that_ran() -> None:
    it = machine(*IDLE)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace")]
    assert it.state is State.EMPTY


def test_a_settling_worker_that_uses_too_much_is_killed_before_the_next_execution() -> None:
    it = machine(*SETTLING, submit("b"))
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), StartWorker()]


def test_what_kills_an_execution_that_is_being_interrupted_is_what_it_is_told() -> None:
    it = machine(*TIMING_OUT)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *lost("a", TOO_MUCH.what)]


def test_an_exit_handler_that_uses_too_much_is_killed() -> None:
    it = machine(*EXITING)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *lost("a", TOO_MUCH.what)]


def test_why_a_worker_was_killed_first_is_why_it_died() -> None:
    it = machine(*TIMING_OUT, TimerFired("grace"))
    assert KillWorker() in it.handle(TOO_MUCH)
    (finish,) = [effect for effect in it.handle(Exited("killed by SIGKILL")) if isinstance(effect, Finish)]
    assert finish.cause == like(ExecutionTimedOut(TIMED_OUT))


def test_an_execution_that_takes_too_much_time_is_interrupted_and_keeps_its_worker() -> None:
    it = machine(*RUNNING)
    assert it.handle(TOO_LONG) == [ClearTimer("timeout"), InterruptWorker(), SetTimer("grace", GRACE_S)]
    assert it.handle(done("a", INTERRUPTED))[:2] == [
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="LimitExceeded", value=TOO_LONG.what, traceback=INTERRUPTED.traceback),
            like(LimitExceeded(TOO_LONG.what)),
        ),
    ]
    assert it.state is State.SETTLING


@pytest.mark.parametrize("before", [IDLE, INTERRUPTING, SETTLING, EXITING, KILLED])
def test_too_much_time_ends_nothing_but_what_runs(before: tuple[Input, ...]) -> None:
    it = machine(*before)
    state = it.state
    assert it.handle(TOO_LONG) == []
    assert it.state is state


# In IDLE, only executions of a gated machine wait: see test_turns.
QUEUEING = [state for state, rules in TRANSITIONS.items() if Cancel in rules and state is not State.IDLE]
CANCELLED = Finish(
    "c",
    Outcome.CANCELLED,
    Failure(name="KeyboardInterrupt", value=""),
    like(ExecutionInterrupted("interrupted by a client")),
)


def test_an_execution_can_leave_the_queue_wherever_there_may_be_one() -> None:
    open_ones = {state: inputs for state, inputs in REACHING.items() if state is not State.CLOSED}
    after = [machine(*inputs, submit("b"), submit("c")) for inputs in open_ones.values()]
    assert set(QUEUEING) == {it.state for it in after if it.queued}


@pytest.mark.parametrize("state", QUEUEING)
def test_cancel_takes_one_out_of_the_queue_and_tells_it(state: State) -> None:
    it = machine(*REACHING[state], submit("b"), submit("c"), submit("d"))
    assert it.handle(Cancel("c")) == [CANCELLED]
    assert it.handle(Cancel("c")) == [], "once"
    assert (it.state, it.queued) == (state, 2)
    cancelled = [effect.execution_id for effect in it.handle(Close(CAUSE)) if isinstance(effect, Finish)]
    assert cancelled[-2:] == ["b", "d"]


@pytest.mark.parametrize("state", QUEUEING)
@pytest.mark.parametrize("name", ["a", "unknown"])
def test_cancel_hits_nothing_that_does_not_wait(state: State, name: str) -> None:
    assert machine(*REACHING[state], submit("b")).handle(Cancel(name)) == []


def test_a_failed_start_cancels_all_that_wait() -> None:
    it = machine(submit("a"), submit("b"))
    cause = like(WorkerStartFailed("failed to start context: python3 not found"))
    failure = Failure(name="ContextError", value="failed to start context: python3 not found")
    assert it.handle(WorkerNotStarted("python3 not found")) == [
        Finish("a", Outcome.CANCELLED, failure, cause),
        Finish("b", Outcome.CANCELLED, failure, cause),
    ]
    assert it.state is State.EMPTY
    assert it.queued == 0
    assert it.handle(submit("c")) == [StartWorker()]
    assert it.handle(WorkerStarted()) == begin("c")


def test_a_failed_restart_says_that_it_was_one() -> None:
    it = machine(*EXITING, Exited("exit status 0"), submit("b"))
    cause = WorkerStartFailed("failed to restart context: out of memory")
    failure = Failure(name="ContextError", value="failed to restart context: out of memory")
    assert it.handle(WorkerNotStarted("out of memory")) == [Finish("b", Outcome.CANCELLED, failure, like(cause))]
    it.handle(submit("c"))
    assert it.handle(WorkerStarted()) == begin("c", restarted=True)
