"""Executions that ask for a checkpoint: it is taken right before them, or they do not run."""

import attrs
import pytest
from machine_scripts import CAUSE, IDLE, RESTART, RUNNING, begin, done, finish, like, machine, submit

from interpreterd.machine.effects import EndOperation, Finish, Perform, Precede, StartWorker
from interpreterd.machine.inputs import (
    Broken,
    Cancel,
    Close,
    Exceeded,
    Exited,
    Operate,
    Operated,
    Replaced,
    Submit,
    Turn,
    WorkerStarted,
)
from interpreterd.machine.states import State
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.state_errors import CheckpointsFull, OperationFailed

FULL = CheckpointsFull("there are 16")


def kept(name: str) -> Submit:
    """Return the submission of an execution that asks for a checkpoint."""
    plain = submit(name)
    return Submit(name, attrs.evolve(plain.request, checkpoint=True))


def refused(name: str, cause: InterpreterError) -> Finish:
    failure = Failure(name="ContextError", value=str(cause))
    return Finish(name, Outcome.CANCELLED, failure, like(cause))


def test_a_checkpoint_is_taken_right_before_the_execution_and_nothing_comes_between() -> None:
    it = machine(*RUNNING, kept("b"))
    assert it.handle(done("a")) == [*finish("a"), Precede("b")]
    assert it.handle(Operate("o")) == it.handle(submit("c")) == []
    assert (it.state, it.operating_id, it.running_id, it.queued) == (State.OPERATING, "b", None, 3)
    assert it.handle(Operated()) == begin("b")
    assert it.handle(done("b")) == [*finish("b"), Perform("o")]


def test_without_its_checkpoint_it_does_not_run_and_the_others_do() -> None:
    it = machine(*IDLE)
    assert it.handle(kept("a")) == [Precede("a")]
    it.handle(submit("b"))
    assert it.handle(Operated(FULL)) == [refused("a", FULL), *begin("b")]


def test_the_failure_of_another_operation_is_no_execution_s() -> None:
    it = machine(*IDLE, Operate("o"), submit("a"))
    assert it.handle(Operated(FULL)) == begin("a")


def test_it_can_be_cancelled_while_its_checkpoint_is_taken() -> None:
    it = machine(*IDLE, kept("a"), kept("b"))
    (end,) = it.handle(Cancel("a"))
    assert isinstance(end, Finish)
    assert end.outcome is Outcome.CANCELLED
    assert it.handle(Operated()) == [Precede("b")], "what was taken for another one does not do"
    assert it.handle(Operated()) == begin("b")


@pytest.mark.parametrize("event", [Exited("killed by SIGKILL"), Broken("garbage"), Exceeded("too much", kill=True)])
def test_it_does_not_run_when_the_worker_ends_meanwhile(event: Exited | Broken | Exceeded) -> None:
    it = machine(*IDLE, kept("a"))
    told = it.handle(event)
    (end,) = [effect for effect in told if isinstance(effect, Finish)]
    assert (end.outcome, type(end.cause)) == (Outcome.CANCELLED, OperationFailed)
    assert [effect.operation_id for effect in told if isinstance(effect, EndOperation)] == ["a"]
    assert it.queued == 0


def test_a_restart_meanwhile_takes_the_checkpoint_again() -> None:
    it = machine(*IDLE, kept("a"))
    told = it.handle(RESTART)
    assert EndOperation("a", RESTART.cause) in told
    assert not [effect for effect in told if isinstance(effect, Finish)]
    assert it.handle(Exited("exit status 0"))[-1] == StartWorker()
    assert it.handle(WorkerStarted()) == [Precede("a")]
    assert it.handle(Operated()) == begin("a", restarted=True)


def test_the_end_of_the_context_ends_it_once() -> None:
    it = machine(*IDLE, kept("a"))
    ends = [effect for effect in it.handle(Close(CAUSE)) if isinstance(effect, Finish | EndOperation)]
    assert ends == [EndOperation("a", CAUSE), refused("a", CAUSE)]


def test_the_checkpoint_is_taken_before_the_execution_waits_for_its_turn() -> None:
    turns = iter([False])
    it = machine(*IDLE, may_begin=lambda: next(turns))
    assert it.handle(kept("a")) == [Precede("a")]
    assert not it.wants_turn
    assert it.handle(Operated()) == []
    assert it.wants_turn
    assert it.handle(Turn()) == begin("a")


def test_when_the_execution_that_waits_for_a_turn_is_cancelled_the_next_one_gets_its_checkpoint() -> None:
    turns = iter([False, False, True])
    it = machine(*IDLE, may_begin=lambda: next(turns))
    assert it.handle(submit("a")) == it.handle(kept("b")) == []
    assert it.handle(Cancel("a"))[1:] == [Precede("b")]
    assert it.handle(Operated()) == begin("b")


def test_a_checkpoint_of_a_worker_that_has_ended_does_not_do() -> None:
    turns = iter([False, True])
    it = machine(*IDLE, may_begin=lambda: next(turns))
    it.handle(kept("a"))
    it.handle(Operated())
    it.handle(Exited("killed by SIGKILL"))
    assert it.handle(WorkerStarted()) == [Precede("a")]
    assert it.handle(Operated()) == begin("a", restarted=True)


def test_a_worker_that_has_the_variables_of_earlier_executions_is_not_a_new_one() -> None:
    it = machine(*IDLE, Exited("killed by SIGKILL"), Operate("o"), WorkerStarted())
    assert it.handle(Replaced()) == []
    it.handle(submit("a"))
    assert it.handle(Operated()) == begin("a")
