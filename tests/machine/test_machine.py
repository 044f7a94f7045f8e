"""Scripts of inputs and expected effects: executions start, run and wait; unexpected inputs are errors."""

from typing import Any, get_args

import pytest
from machine_scripts import (
    ACTIVE,
    CAUSE,
    IDLE,
    NAME_ERROR,
    REACHING,
    RUNNING,
    TOO_MUCH,
    begin,
    done,
    finish,
    machine,
    submit,
)

from interpreterd.machine.actions import Actions
from interpreterd.machine.effects import SetTimer, StartWorker
from interpreterd.machine.inputs import (
    Answered,
    Broken,
    CallAnswered,
    Cancel,
    CancelOperation,
    Close,
    Exceeded,
    Exited,
    Input,
    Operate,
    Received,
    Restart,
    Start,
    Submit,
    TimerFired,
    WorkerNotStarted,
    WorkerStarted,
)
from interpreterd.machine.machine import InvalidTransition
from interpreterd.machine.states import State
from interpreterd.machine.table import TRANSITIONS, on
from interpreterd.model.errors import (
    LimitReached,
)
from interpreterd.model.functions import HostRaised


def test_the_first_execution_starts_a_worker_and_runs() -> None:
    it = machine()
    assert it.handle(submit("a")) == [StartWorker()]
    assert it.handle(WorkerStarted()) == begin("a")
    assert it.state is State.RUNNING
    assert it.running_id == "a"


def test_a_worker_may_be_there_before_the_first_execution() -> None:
    it = machine()
    assert it.handle(Start()) == [StartWorker()]
    assert it.handle(Start()) == []
    assert it.state not in ACTIVE
    assert it.handle(WorkerStarted()) == []
    assert it.state in ACTIVE
    assert it.handle(submit("a")) == begin("a")


def test_a_timeout_is_set_with_the_start_and_cleared_with_the_end() -> None:
    it = machine(*IDLE)
    assert it.handle(submit("a", timeout_s=5)) == [*begin("a"), SetTimer("timeout", 5)]
    assert it.handle(done("a")) == finish("a")
    assert it.state is State.IDLE
    assert it.running_id is None


def test_an_exception_completes() -> None:
    assert machine(*RUNNING).handle(done("a", NAME_ERROR)) == finish("a", NAME_ERROR)


def test_first_come_first_served() -> None:
    it = machine(*RUNNING)
    assert it.handle(submit("b")) == []
    assert it.handle(submit("c", timeout_s=7)) == []
    assert it.queued == 2
    assert it.handle(done("a")) == [*finish("a"), *begin("b")]
    assert it.handle(done("b")) == [*finish("b"), *begin("c"), SetTimer("timeout", 7)]
    assert it.handle(done("c")) == finish("c")


def test_a_full_queue_has_no_room() -> None:
    it = machine(*RUNNING, submit("b"), queue_limit=2)
    it.check_room()
    it.handle(submit("c"))
    with pytest.raises(LimitReached, match="its limit is 2 executions"):
        it.check_room()
    it.handle(done("a"))
    it.check_room()


def example(kind: type[Any]) -> Any:
    return {
        Submit: submit("z"),
        Operate: Operate("y"),
        CancelOperation: CancelOperation("y"),
        WorkerNotStarted: WorkerNotStarted("why"),
        Received: done("a"),
        Broken: Broken("garbage"),
        Exited: Exited("exit status 0"),
        TimerFired: TimerFired("timeout"),
        Cancel: Cancel("z"),
        Answered: Answered("a", "text"),
        CallAnswered: CallAnswered("a", 1, HostRaised(name="E", value="v")),
        Restart: Restart(CAUSE),
        Exceeded: TOO_MUCH,
        Close: Close(CAUSE),
    }.get(kind) or kind()


@pytest.mark.parametrize("state", State)
def test_an_input_that_cannot_come_is_a_mistake_and_changes_nothing(state: State) -> None:
    impossible = [kind for kind in get_args(Input) if kind not in TRANSITIONS[state]]
    for kind in impossible:
        it = machine(*REACHING[state])
        with pytest.raises(InvalidTransition, match=f"{kind.__name__} while {state.value}"):
            it.handle(example(kind))
        assert it.state is state
    assert impossible or state not in (State.EMPTY, State.CLOSED, State.IDLE)


def test_a_rule_that_leads_elsewhere_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSITIONS[State.EMPTY], Start, on(Start, Actions.on_start, State.IDLE))  # type: ignore[arg-type]
    with pytest.raises(InvalidTransition, match="Start led from empty to starting"):
        machine().handle(Start())
