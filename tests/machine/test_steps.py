"""A worker ends: it dies, it is asked to exit, it is killed, or the daemon gives it up."""

import pytest
from machine_scripts import (
    ACTIVE,
    END,
    IDLE,
    INTERRUPTING,
    KILL,
    KILLED,
    RESTART,
    RESTARTED,
    RUNNING,
    SETTLING,
    TIMED_OUT,
    TIMING_OUT,
    TOO_MUCH,
    begin,
    done,
    like,
    lost,
    machine,
    submit,
)

from interpreterd.machine.effects import ClearTimer, Finish, GiveUp, KillWorker, StartWorker
from interpreterd.machine.inputs import Broken, Exited, Input, Received, TimerFired, WorkerStarted
from interpreterd.machine.states import State
from interpreterd.model.errors import (
    ExecutionInterrupted,
)
from interpreterd.model.events import Failure, Outcome
from interpreterd.pipe.messages import Configured


def test_death_while_running_loses_the_execution() -> None:
    it = machine(*RUNNING)
    assert it.handle(Exited("killed by SIGSEGV")) == [ClearTimer("grace"), *lost("a", "killed by SIGSEGV")]
    assert it.state is State.EMPTY
    assert it.handle(submit("b")) == [StartWorker()]
    assert it.handle(WorkerStarted()) == begin("b", restarted=True)


def test_death_while_running_restarts_for_the_queue() -> None:
    it = machine(*RUNNING, submit("b"))
    assert it.handle(Exited("exit status 3")) == [ClearTimer("grace"), *lost("a", "exit status 3"), StartWorker()]


def test_death_while_idle_loses_no_execution() -> None:
    it = machine(*IDLE)
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace")]
    assert it.state not in ACTIVE


def test_death_while_settling_loses_no_execution() -> None:
    it = machine(*SETTLING)
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace")]
    assert it.state is State.EMPTY
    it = machine(*SETTLING, submit("b"))
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), StartWorker()]


def test_death_by_the_interrupt_itself_is_an_interruption_that_says_what_was_lost() -> None:
    it = machine(*INTERRUPTING)
    value = "interrupted; its worker was killed by SIGINT, and its variables are lost"
    assert it.handle(Exited("killed by SIGINT")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="KeyboardInterrupt", value=value),
            like(ExecutionInterrupted("interrupted by a client")),
        ),
    ]


@pytest.mark.parametrize("before", [(*IDLE, Broken("garbage")), (*SETTLING, Received(Configured()))])
def test_the_reason_of_one_death_is_not_the_reason_of_the_next(before: tuple[Input, ...]) -> None:
    it = machine(*before, Exited("killed by SIGKILL"), submit("b"), WorkerStarted())
    assert it.handle(Exited("exit status 3")) == [ClearTimer("grace"), *lost("b", "exit status 3")]


def test_a_restarted_worker_may_say_how_its_execution_ended_and_little_else() -> None:
    it = machine(*RUNNING, RESTART)
    assert it.handle(done("a")) == it.handle(done("a")) == []
    assert it.handle(done("a")) == KILL
    assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()


def test_a_worker_that_does_not_end_is_killed_and_one_that_does_not_die_is_given_up() -> None:
    it = machine(*RUNNING, RESTART)
    assert it.handle(TimerFired("grace")) == KILL
    assert it.handle(TimerFired("grace")) == [GiveUp()]
    assert it.handle(Exited("killed, but not gone")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish("a", Outcome.LOST, RESTARTED, RESTART.cause),
        StartWorker(),
    ]


def test_an_execution_whose_worker_is_given_up_is_told_so() -> None:
    it = machine(*TIMING_OUT, TimerFired("grace"))
    assert it.handle(TimerFired("grace")) == [GiveUp()]
    (finish,) = [effect for effect in it.handle(Exited("killed, but not gone")) if isinstance(effect, Finish)]
    assert finish.error is not None
    assert finish.error.value == f"{TIMED_OUT}; its worker was killed, but not gone, and its variables are lost"


def test_killing_a_worker_once_more_does_not_make_its_time_to_die_longer() -> None:
    it = machine(*RUNNING)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(TOO_MUCH) == [ClearTimer("timeout"), KillWorker()]
    assert it.handle(TimerFired("grace")) == [GiveUp()]


def test_a_new_worker_has_a_time_to_end_of_its_own() -> None:
    it = machine(*KILLED, submit("b"), Exited("killed by SIGKILL"), WorkerStarted(), done("b"))
    assert it.handle(RESTART) == END
