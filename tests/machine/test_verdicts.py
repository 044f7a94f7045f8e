"""The outcome of an execution that a timeout or a client interrupts."""

import pytest
from machine_scripts import (
    ACTIVE,
    EXITING,
    GRACE_S,
    INTERRUPTED,
    INTERRUPTING,
    KILL,
    NAME_ERROR,
    REACHING,
    RUNNING,
    SETTLING,
    TIMED_OUT,
    TIMING_OUT,
    begin,
    done,
    finish,
    like,
    machine,
    submit,
)

from interpreterd.machine.effects import ClearTimer, Finish, InterruptWorker, Send, SetTimer, StartWorker
from interpreterd.machine.inputs import Exited, Input, InterruptRequested, Received, TimerFired, WorkerStarted
from interpreterd.machine.states import State
from interpreterd.model.errors import (
    ExecutionInterrupted,
    ExecutionTimedOut,
)
from interpreterd.model.events import Failure, Outcome
from interpreterd.pipe.messages import Exiting, Sync, Synced


def test_a_timeout_interrupts_and_keeps_the_worker() -> None:
    it = machine(*RUNNING, submit("b"))
    assert it.handle(TimerFired("timeout")) == [ClearTimer("timeout"), InterruptWorker(), SetTimer("grace", GRACE_S)]
    assert it.handle(done("a", INTERRUPTED)) == [
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="TimeoutError", value=TIMED_OUT, traceback=INTERRUPTED.traceback),
            like(ExecutionTimedOut(TIMED_OUT)),
        ),
        ClearTimer("grace"),
        Send(Sync()),
        SetTimer("grace", GRACE_S),
    ]
    assert it.state in ACTIVE
    assert it.handle(Received(Synced())) == [ClearTimer("grace"), *begin("b")]


def test_a_timeout_stays_one_although_the_code_ended_by_itself_meanwhile() -> None:
    effects = machine(*TIMING_OUT).handle(done("a"))
    assert effects[1] == Finish(
        "a",
        Outcome.INTERRUPTED,
        Failure(name="TimeoutError", value=TIMED_OUT),
        like(ExecutionTimedOut(TIMED_OUT)),
    )


def test_code_that_ignores_a_timeout_is_killed_and_the_error_says_what_was_lost() -> None:
    it = machine(*TIMING_OUT, submit("b"))
    assert it.handle(TimerFired("grace")) == KILL
    assert it.state not in ACTIVE
    value = f"{TIMED_OUT}; its worker was killed by SIGKILL, and its variables are lost"
    assert it.handle(Exited("killed by SIGKILL")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="TimeoutError", value=value),
            like(ExecutionTimedOut(TIMED_OUT)),
        ),
        StartWorker(),
    ]
    assert it.handle(WorkerStarted()) == begin("b", restarted=True)


def test_a_client_interrupts() -> None:
    it = machine(*RUNNING)
    assert it.handle(InterruptRequested()) == [ClearTimer("timeout"), InterruptWorker(), SetTimer("grace", GRACE_S)]
    assert it.handle(InterruptRequested()) == []
    assert it.handle(done("a", INTERRUPTED)) == [
        ClearTimer("timeout"),
        Finish("a", Outcome.INTERRUPTED, INTERRUPTED, like(ExecutionInterrupted("interrupted by a client"))),
        ClearTimer("grace"),
        Send(Sync()),
        SetTimer("grace", GRACE_S),
    ]
    assert it.handle(Received(Synced())) == [ClearTimer("grace")]
    assert it.state is State.IDLE


@pytest.mark.parametrize("error", [None, NAME_ERROR])
def test_an_interrupt_that_came_too_late_changes_nothing(error: Failure | None) -> None:
    effects = machine(*INTERRUPTING).handle(done("a", error))
    assert effects[:2] == finish("a", error)
    assert Send(Sync()) in effects


def test_exit_may_be_the_answer_to_an_interrupt() -> None:
    it = machine(*INTERRUPTING)
    assert it.handle(Received(Exiting(execution_id="a"))) == [
        ClearTimer("timeout"),
        ClearTimer("grace"),
        SetTimer("grace", GRACE_S),
    ]
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a")]


def test_a_worker_that_does_not_settle_is_killed_and_nothing_is_lost_that_ran() -> None:
    it = machine(*SETTLING, submit("b"))
    assert it.handle(TimerFired("grace")) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), StartWorker()]


@pytest.mark.parametrize("state", [State.EMPTY, State.STARTING, State.IDLE, State.SETTLING, State.CLOSED])
def test_an_interrupt_hits_nothing_where_nothing_runs(state: State) -> None:
    assert machine(*REACHING[state]).handle(InterruptRequested()) == []


def test_an_interrupt_before_the_start_does_not_wait_for_it() -> None:
    it = machine(submit("a"), InterruptRequested())
    assert it.handle(WorkerStarted()) == begin("a")


@pytest.mark.parametrize(
    ("before", "name"), [(RUNNING, "grace"), (INTERRUPTING, "timeout"), (SETTLING, "timeout"), (EXITING, "timeout")]
)
def test_a_timer_of_another_name_means_nothing(before: tuple[Input, ...], name: str) -> None:
    assert machine(*before).handle(TimerFired(name)) == []
