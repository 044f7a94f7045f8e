"""Executions that call host functions."""

import pytest
from machine_scripts import (
    CAUSE,
    IDLE,
    INTERRUPT_AND_END,
    INTERRUPTED,
    KILL,
    RESTART,
    done,
    finish,
    lost,
    machine,
    submit,
)

from interpreterd.machine.calls import DROPPED_LIMIT, LATE_CALLS_LIMIT
from interpreterd.machine.effects import Call, ClearTimer, EndCall, Finish, InterruptWorker, KillWorker, Send, SetTimer
from interpreterd.machine.inputs import CallAnswered, Close, Exited, Input, InterruptRequested, Received, Submit
from interpreterd.machine.inputs import TimerFired as Fired
from interpreterd.machine.machine import Machine
from interpreterd.machine.states import State
from interpreterd.model.displays import Json
from interpreterd.model.functions import OUTSTANDING_LIMIT, CallOutcome, HostFunction, HostRaised, Returned
from interpreterd.model.requests import Execute
from interpreterd.pipe.calls import Called, CancelCall, Dropped, Raise, Return
from interpreterd.pipe.messages import Exiting

FUNCTIONS = (HostFunction(name="search"), HostFunction(name="github.find"))
CALLING: tuple[Input, ...] = (*IDLE, Submit("a", Execute(code="code of a", timeout_s=5, functions=FUNCTIONS)))
FOUND = Returned(value=Json('"found"'))
CANCELLED = CallOutcome.CANCELLED


def called(number: int, name: str = "search", execution_id: str = "a") -> Called:
    return Called(execution_id=execution_id, number=number, name=name, args=Json("[]"), kwargs=Json("{}"))


def call(number: int, name: str = "search", execution_id: str = "a") -> Received:
    return Received(called(number, name, execution_id))


def drop(number: int, execution_id: str = "a") -> Received:
    return Received(Dropped(execution_id=execution_id, number=number))


def answered(number: int, execution_id: str = "a") -> CallAnswered:
    return CallAnswered(execution_id, number, FOUND)


def is_broken(it: Machine) -> bool:
    return it.state is State.ENDING


def test_calls_are_answered_in_any_order() -> None:
    it = machine(*CALLING)
    assert it.handle(call(1)) == [Call(called(1))]
    assert it.handle(call(2, "github.find")) == [Call(called(2, "github.find"))]
    assert it.waits_for("a", 1)
    assert it.waits_for("a", 2)
    returned = Return(number=2, value=FOUND.value)
    assert it.handle(answered(2)) == [Send(returned), EndCall("a", 2, CallOutcome.RETURNED)]
    raised = CallAnswered("a", 1, HostRaised(name="E", value="v"))
    assert it.handle(raised) == [
        Send(Raise(number=1, name="E", value="v")),
        EndCall("a", 1, CallOutcome.RAISED),
    ]
    assert not it.waits_for("a", 1)
    assert it.handle(done("a")) == finish("a")


@pytest.mark.parametrize("again", [answered(1), answered(2), answered(1, "b"), answered(0)])
def test_only_the_first_answer_of_a_call_counts(again: CallAnswered) -> None:
    it = machine(*CALLING, call(1), answered(1))
    assert it.handle(again) == []
    assert not it.waits_for("b", 1)


@pytest.mark.parametrize(
    "message",
    [
        call(1, "undeclared"),
        call(1, "github"),
        call(1, "search", "b"),
        drop(1),
        drop(1, "b"),
    ],
)
def test_a_call_that_cannot_be_breaks_the_protocol(message: Received) -> None:
    it = machine(*CALLING)
    assert KillWorker() in it.handle(message)
    assert is_broken(it)


def test_an_execution_without_functions_cannot_call() -> None:
    it = machine(*IDLE, submit("a"))
    assert KillWorker() in it.handle(call(1))


@pytest.mark.parametrize("number", [1, 0])
def test_a_number_is_used_once(number: int) -> None:
    for earlier in ((call(1),), (call(1), answered(1)), (call(1), drop(1))):
        it = machine(*CALLING, *earlier)
        assert KillWorker() in it.handle(call(number))


def test_numbers_begin_anew_with_each_execution() -> None:
    it = machine(*CALLING, call(5), answered(5), done("a"), Submit("b", Execute(code="code of b", functions=FUNCTIONS)))
    assert it.handle(call(1, execution_id="b")) == [Call(called(1, execution_id="b"))]


def test_so_many_calls_are_open_and_no_more() -> None:
    it = machine(*CALLING, *(call(number) for number in range(OUTSTANDING_LIMIT)))
    it.handle(answered(3))
    assert it.handle(call(100)) == [Call(called(100))]
    assert KillWorker() in it.handle(call(101))


def test_code_that_waits_no_more_drops_its_call() -> None:
    it = machine(*CALLING, call(1))
    assert it.handle(drop(1)) == [SetTimer("dropped", 1), EndCall("a", 1, CANCELLED)]
    assert it.handle(answered(1)) == []
    assert it.handle(done("a")) == [ClearTimer("timeout"), ClearTimer("dropped"), *finish("a")[1:]]


def test_a_call_may_be_dropped_once_after_its_answer_which_the_worker_has_not_read_yet() -> None:
    it = machine(*CALLING, call(1), answered(1))
    assert it.handle(drop(1)) == []
    assert KillWorker() in it.handle(drop(1))


def test_a_worker_that_drops_call_after_call_breaks_the_protocol() -> None:
    it = machine(*CALLING)
    for number in range(DROPPED_LIMIT):
        it.handle(call(number))
        it.handle(drop(number))
    assert it.state is State.RUNNING
    it.handle(call(DROPPED_LIMIT))
    assert KillWorker() in it.handle(drop(DROPPED_LIMIT))


def test_a_worker_that_drops_calls_now_and_then_does_not_break_the_protocol() -> None:
    it = machine(*CALLING)
    for number in range(3 * DROPPED_LIMIT):
        it.handle(call(number))
        it.handle(drop(number))
        if number % DROPPED_LIMIT == DROPPED_LIMIT - 1:
            assert it.handle(Fired("dropped")) == []
    assert it.state is State.RUNNING


def test_an_interrupt_cancels_what_waits() -> None:
    for ending in (InterruptRequested(), Fired("timeout")):
        it = machine(*CALLING, call(1), call(2))
        assert it.handle(ending) == [
            ClearTimer("timeout"),
            InterruptWorker(),
            SetTimer("grace", 2),
            Send(CancelCall(number=1)),
            EndCall("a", 1, CANCELLED),
            Send(CancelCall(number=2)),
            EndCall("a", 2, CANCELLED),
        ]
        assert not it.waits_for("a", 1)
        assert it.handle(drop(1)) == []
        assert it.handle(call(3)) == [Send(CancelCall(number=3))]
        it.handle(done("a", INTERRUPTED))
        assert it.state is State.SETTLING


def test_a_call_that_came_too_late_may_be_dropped_once() -> None:
    it = machine(*CALLING, InterruptRequested(), call(1))
    assert it.handle(drop(1)) == []
    assert KillWorker() in it.handle(drop(1))


def test_a_worker_that_calls_on_after_an_interrupt_breaks_the_protocol() -> None:
    it = machine(*CALLING, InterruptRequested())
    for number in range(LATE_CALLS_LIMIT):
        assert it.handle(call(number)) == [Send(CancelCall(number=number))]
    assert KillWorker() in it.handle(call(LATE_CALLS_LIMIT))


def test_calls_end_with_their_execution() -> None:
    ended = EndCall("a", 1, CANCELLED)
    assert machine(*CALLING, call(1)).handle(done("a")) == [ClearTimer("timeout"), ended, *finish("a")[1:]]
    dying = [ClearTimer("grace"), ClearTimer("timeout"), ended, *lost("a", "killed by SIGSEGV")[1:]]
    assert machine(*CALLING, call(1)).handle(Exited("killed by SIGSEGV")) == dying
    assert machine(*CALLING, call(1)).handle(Received(Exiting(execution_id="a")))[0] == ended


def test_a_restart_and_the_end_of_the_context_let_code_that_waits_come_to_its_end() -> None:
    told = [Send(CancelCall(number=1)), EndCall("a", 1, CANCELLED)]
    it = machine(*CALLING, call(1))
    assert it.handle(RESTART) == [INTERRUPT_AND_END[0], *told, *INTERRUPT_AND_END[1:]]
    it = machine(*CALLING, call(1))
    effects = it.handle(Close(CAUSE))
    assert effects[:2] == told
    assert isinstance(effects[3], Finish)


@pytest.mark.parametrize("ending", [RESTART, Close(CAUSE)])
def test_a_worker_that_is_told_to_end_may_still_make_a_few_calls(ending: Input) -> None:
    it = machine(*CALLING, ending)
    for number in range(OUTSTANDING_LIMIT):
        assert it.handle(call(number)) == []
        assert it.handle(drop(number)) == []
    assert KillWorker() in it.handle(call(OUTSTANDING_LIMIT))


@pytest.mark.parametrize("message", [call(1), drop(1)])
def test_between_executions_no_call_can_come(message: Received) -> None:
    for state in (IDLE, (*CALLING, InterruptRequested(), done("a", INTERRUPTED))):
        assert machine(*state).handle(message)[: len(KILL)] == KILL
