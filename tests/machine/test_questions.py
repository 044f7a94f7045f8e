"""Executions that ask their client for input."""

import pytest
from machine_scripts import (
    CAUSE,
    IDLE,
    INTERRUPTING,
    KILL,
    REACHING,
    RESTART,
    RUNNING,
    done,
    finish,
    lost,
    machine,
    submit,
)

from interpreterd.machine.effects import Ask, ClearTimer, KillWorker, Send, SetTimer
from interpreterd.machine.inputs import Answered, Close, Exited, Input, InterruptRequested, Received, Submit, TimerFired
from interpreterd.machine.states import State
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Answer, Asked, Exiting, Run

ASKING: tuple[Input, ...] = (*IDLE, Submit("a", Execute(code="code of a", timeout_s=5, stdin=True)))


def asked(number: int, name: str = "a") -> Received:
    return Received(Asked(execution_id=name, number=number, prompt="? ", password=False))


def test_an_answer_goes_to_what_was_asked() -> None:
    it = machine(*ASKING)
    assert it.asking_id is None
    assert it.handle(asked(1)) == [Ask("a", "? ", False)]
    assert it.asking_id == "a"
    assert it.handle(Answered("a", "Ada")) == [Send(Answer(number=1, text="Ada"))]
    assert it.asking_id is None
    assert it.handle(asked(2)) == [Ask("a", "? ", False)]
    assert it.handle(done("a")) == finish("a")
    assert it.asking_id is None


def test_the_worker_is_told_whether_it_may_ask() -> None:
    sent = machine(*IDLE).handle(ASKING[-1])[1]
    assert isinstance(sent, Send)
    assert isinstance(sent.message, Run)
    assert sent.message.request.stdin


@pytest.mark.parametrize("name", ["a", "b", "unknown"])
def test_what_was_not_asked_is_not_answered(name: str) -> None:
    assert machine(*ASKING, submit("b")).handle(Answered(name, "Ada")) == []
    assert machine(*ASKING, asked(1), Answered("a", "Ada")).handle(Answered(name, "Bob")) == []
    if name != "a":
        assert machine(*ASKING, asked(1)).handle(Answered(name, "Ada")) == []


def test_code_may_give_up_and_ask_again_and_the_answer_is_for_the_last_one() -> None:
    it = machine(*ASKING, asked(1))
    assert it.handle(asked(2)) == [SetTimer("given up", 1), Ask("a", "? ", False)]
    assert it.handle(Answered("a", "Ada")) == [Send(Answer(number=2, text="Ada"))]
    assert it.handle(Answered("a", "Ada")) == []
    assert it.handle(done("a")) == [ClearTimer("timeout"), ClearTimer("given up"), *finish("a")[1:]]


def test_a_worker_that_gives_up_question_after_question_breaks_the_protocol() -> None:
    it = machine(*ASKING, *(asked(number) for number in range(41)))
    assert KillWorker() in it.handle(asked(41))


def test_a_worker_that_gives_up_a_question_now_and_then_does_not_break_the_protocol() -> None:
    it = machine(*ASKING)
    for number in range(1000):
        assert Ask("a", "? ", False) in it.handle(asked(number))
        if number % 40 == 39:
            assert it.handle(TimerFired("given up")) == []


def test_a_worker_that_asks_on_after_the_end_of_the_input_breaks_the_protocol() -> None:
    for ending in (Answered("a", None), InterruptRequested()):
        it = machine(*ASKING, asked(1), ending)
        number = 2
        while Send(Answer(number=number, text=None)) in (effects := it.handle(asked(number))):
            number += 1
        assert KillWorker() in effects
        assert number < 10


def test_the_end_of_the_input_is_the_answer_to_each_later_question() -> None:
    it = machine(*ASKING, asked(1))
    assert it.handle(Answered("a", None)) == [Send(Answer(number=1, text=None))]
    assert it.handle(asked(2)) == [Send(Answer(number=2, text=None))], "it was asked before that had come"
    assert it.asking_id is None
    assert it.handle(Answered("a", "Ada")) == []
    it.handle(Submit("b", Execute(code="code of b", timeout_s=None, stdin=True)))
    it.handle(done("a"))
    assert it.handle(asked(3, "b")) == [Ask("b", "? ", False)], "each execution has its own"


@pytest.mark.parametrize("before", [RUNNING, INTERRUPTING])
def test_to_ask_without_an_input_is_a_broken_protocol(before: tuple[Input, ...]) -> None:
    it = machine(*before)
    assert it.handle(asked(1)) == KILL
    assert it.handle(Exited("killed by SIGKILL"))[1:] == lost("a", "killed: it broke the protocol (unexpected Asked)")


@pytest.mark.parametrize("before", [ASKING, (*ASKING, InterruptRequested())])
def test_to_ask_for_another_execution_is_a_broken_protocol(before: tuple[Input, ...]) -> None:
    assert machine(*before).handle(asked(1, "foreign")) == KILL


@pytest.mark.parametrize("state", [State.IDLE, State.SETTLING])
def test_to_ask_while_nothing_runs_is_a_broken_protocol(state: State) -> None:
    assert machine(*REACHING[state]).handle(asked(1)) == KILL


def test_an_interrupted_execution_that_asks_gets_the_end_of_the_input() -> None:
    it = machine(*ASKING, InterruptRequested())
    assert it.handle(asked(1)) == [Send(Answer(number=1, text=None))]
    assert it.handle(asked(2)) == [Send(Answer(number=2, text=None))]
    assert it.state is State.INTERRUPTING


def test_an_interrupt_ends_the_question() -> None:
    it = machine(*ASKING, asked(1), InterruptRequested())
    assert it.asking_id is None
    assert Send(Answer(number=2, text=None)) in it.handle(asked(2)), "the interrupt was caught"


def test_a_question_ends_with_its_worker() -> None:
    for last in (Received(Exiting(execution_id="a")), Exited("exit status 1"), RESTART, Close(CAUSE)):
        assert machine(*ASKING, asked(1), last).asking_id is None
