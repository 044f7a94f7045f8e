"""A machine asks before each execution whether it may begin, and not before looks."""

from machine_scripts import run_of

from interpreterd.machine.effects import Begin, Finish, Send, StartWorker
from interpreterd.machine.inputs import Cancel, Close, Exited, Received, Submit, Turn, WorkerStarted
from interpreterd.machine.machine import Machine
from interpreterd.machine.states import State
from interpreterd.model.errors import ContextDeleted
from interpreterd.model.looks import Task
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Done


def submit(name: str, *, look: bool = False) -> Submit:
    task = Task(kind="variables") if look else None
    return Submit(name, Execute(code=f"code of {name}", timeout_s=None, task=task))


def gated(*answers: bool) -> Machine:
    """Return a machine whose worker waits, and that gets these ``answers``."""
    left = list(answers)
    it = Machine(queue_limit=10, grace_s=1, may_begin=lambda: left.pop(0))
    assert it.handle(submit("look", look=True)) == [StartWorker()]
    assert it.handle(WorkerStarted())[0] == Begin("look")
    it.handle(Received(Done(execution_id="look")))
    return it


def test_an_execution_that_may_begin_begins_at_once() -> None:
    it = gated(True, True)
    assert it.handle(submit("a")) == [Begin("a"), Send(run_of("a"))]
    it.handle(submit("b"))
    assert it.handle(Received(Done(execution_id="a")))[-2] == Begin("b")


def test_another_one_begins_with_its_turn() -> None:
    it = gated(False, False, False)
    assert it.handle(submit("a")) == []
    assert (it.state, it.queued, it.wants_turn, it.running_id) == (State.IDLE, 1, True, None)
    assert it.handle(submit("b")) == []
    assert it.handle(Turn()) == [Begin("a"), Send(run_of("a"))]
    assert (it.state, it.queued, it.wants_turn) == (State.RUNNING, 1, False)
    ended = it.handle(Received(Done(execution_id="a")))
    assert isinstance(ended[1], Finish)
    assert it.wants_turn
    assert it.handle(Turn())[0] == Begin("b")


def test_a_look_needs_none_but_waits_for_the_execution_before_it() -> None:
    it = gated(False, False)
    assert it.handle(submit("l", look=True))[0] == Begin("l")
    it.handle(Received(Done(execution_id="l")))
    it.handle(submit("a"))
    assert it.handle(submit("m", look=True)) == []
    assert it.handle(Turn())[0] == Begin("a")
    assert it.handle(Received(Done(execution_id="a")))[-2] == Begin("m")


def test_what_waits_for_a_turn_can_leave_ends_with_the_context_and_outlives_the_worker() -> None:
    it = gated(False, False, False)
    for name in ("a", "b"):
        it.handle(submit(name))
    assert [type(effect) for effect in it.handle(Cancel("a"))] == [Finish]
    assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()
    assert not it.wants_turn
    assert it.handle(WorkerStarted()) == []
    assert it.wants_turn
    closed = [effect.execution_id for effect in it.handle(Close(ContextDeleted("c"))) if isinstance(effect, Finish)]
    assert closed == ["b"]
