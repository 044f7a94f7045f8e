"""Operations: they take turns with executions, and nothing else uses the worker meanwhile."""

import pytest
from machine_scripts import CAUSE, IDLE, REACHING, RESTART, RUNNING, begin, done, finish, like, machine, submit

from interpreterd.machine.effects import EndOperation, KillWorker, Perform, StartWorker
from interpreterd.machine.inputs import (
    Broken,
    Cancel,
    CancelOperation,
    Close,
    Exceeded,
    Exited,
    InterruptRequested,
    Operate,
    Operated,
    WorkerNotStarted,
    WorkerStarted,
)
from interpreterd.machine.states import SHOWN, State
from interpreterd.machine.table import TRANSITIONS
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.state_errors import OperationFailed

OPERATING = REACHING[State.OPERATING]


def test_an_idle_worker_is_given_to_an_operation_at_once() -> None:
    it = machine(*IDLE)
    assert it.handle(Operate("o")) == [Perform("o")]
    assert (it.operating_id, SHOWN[it.state]) == ("o", "busy")
    assert it.handle(Operated()) == []
    assert (it.operating_id, it.state) == (None, State.IDLE)


def test_an_operation_takes_its_turn_among_executions() -> None:
    it = machine(*RUNNING, submit("b"), Operate("o"), submit("c"))
    assert it.handle(done("a")) == [*finish("a"), *begin("b")]
    assert it.handle(done("b")) == [*finish("b"), Perform("o")]
    assert it.handle(Operated()) == begin("c")


def test_a_context_without_a_worker_gets_one_for_an_operation() -> None:
    it = machine()
    assert it.handle(Operate("o")) == [StartWorker()]
    assert it.handle(WorkerStarted()) == [Perform("o")]


def test_a_failed_start_ends_operations_that_wait() -> None:
    it = machine(Operate("o"))
    cause = like(WorkerStartFailed("failed to start context: why"))
    assert it.handle(WorkerNotStarted("why")) == [EndOperation("o", cause)]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Exited("killed by SIGKILL"), "the context's worker has ended: killed by SIGKILL"),
        (Broken("garbage"), "the context's worker broke the protocol: garbage"),
        (Exceeded("memory limit exceeded", kill=True), "the context's worker was killed: memory limit exceeded"),
    ],
)
def test_an_operation_ends_with_its_worker(event: Exited | Broken | Exceeded, why: str) -> None:
    it = machine(*OPERATING)
    assert EndOperation("o", like(OperationFailed(why))) in it.handle(event)
    assert it.operating_id is None


@pytest.mark.parametrize("event", [Close(CAUSE), RESTART])
def test_an_operation_ends_with_its_context_and_at_a_restart(event: Close) -> None:
    it = machine(*OPERATING, Operate("p"))
    assert EndOperation("o", event.cause) in it.handle(event)
    assert it.operating_id is None


def test_operations_that_wait_end_with_the_context() -> None:
    it = machine(*RUNNING, Operate("p"), submit("b"))
    ended = [effect for effect in it.handle(Close(CAUSE)) if isinstance(effect, EndOperation)]
    assert ended == [EndOperation("p", CAUSE)]


def test_an_interrupt_and_an_excess_of_an_execution_do_not_reach_an_operation() -> None:
    it = machine(*OPERATING)
    assert it.handle(InterruptRequested()) == []
    assert it.handle(Exceeded("CPU limit exceeded", kill=False)) == []
    assert it.operating_id == "o"


@pytest.mark.parametrize("state", [state for state, rules in TRANSITIONS.items() if CancelOperation in rules])
def test_an_operation_can_leave_the_queue_in_each_state(state: State) -> None:
    it = machine(*REACHING[state])
    queues = state not in (State.EMPTY, State.IDLE, State.CLOSED)
    if queues:
        it.handle(Operate("p"))
    assert it.handle(CancelOperation("p")) == []
    assert (it.state, it.queued) == (state, 0)


def test_an_operation_does_not_wait_for_the_turn_of_an_execution() -> None:
    turns = iter([False, True])
    it = machine(*IDLE, may_begin=lambda: next(turns))
    it.handle(submit("a"))
    assert it.handle(Operate("o")) == [], "it stays behind the execution"
    assert it.handle(Cancel("a"))[1:] == [Perform("o")]
    assert it.handle(Operated()) == []
    assert it.handle(submit("b")) == begin("b")


def test_a_copy_of_a_worker_has_run_code_and_may_end_by_itself() -> None:
    for used in (False, True):
        it = machine(*REACHING[State.STARTING])
        it.handle(WorkerStarted(used=used))
        assert (KillWorker() in it.handle(Close(CAUSE))) is not used


def test_a_fork_counts_on() -> None:
    it = machine(*IDLE, begun=7)
    it.handle(submit("a"))
    assert it.begun == 8
