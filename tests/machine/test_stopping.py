"""An error cancels the waiting executions of the same origin, if the execution that ends with it says so."""

import pytest
from machine_scripts import IDLE, NAME_ERROR, done, finish, machine, run_of

from interpreterd.machine.effects import Begin, Effect, Finish
from interpreterd.machine.inputs import Exited, Input, InterruptRequested, Submit
from interpreterd.machine.states import State
from interpreterd.model.comms import ToComm
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.execution_errors import EarlierFailed
from interpreterd.model.looks import Task
from interpreterd.model.requests import Execute

STOPS = Submit("a", Execute(code="code of a", timeout_s=None, stop_on_error=True, origin="ada"))
QUEUE: tuple[Input, ...] = (
    Submit("b", Execute(code="code of b", timeout_s=None, origin="ada")),
    Submit("c", Execute(code="code of c", timeout_s=None, origin="bob")),
    Submit("look", Execute(code="", timeout_s=None, origin="ada", task=Task(kind="variables"))),
    Submit("comm", Execute(code="{}", timeout_s=None, origin="ada", comm=ToComm(action="message", comm_id="c"))),
    Submit("d", Execute(code="code of d", timeout_s=None, origin="ada")),
)


def ended(effects: list[Effect]) -> list[tuple[str, Outcome, type | None]]:
    """Return which executions end, and why."""
    ends = [it for it in effects if isinstance(it, Finish)]
    return [(it.execution_id, it.outcome, None if it.cause is None else type(it.cause)) for it in ends]


CANCELLED = [("b", Outcome.CANCELLED, EarlierFailed), ("d", Outcome.CANCELLED, EarlierFailed)]


def test_an_exception_cancels_them_before_the_next_one_begins() -> None:
    it = machine(*IDLE, STOPS, *QUEUE)
    effects = it.handle(done("a", NAME_ERROR))
    assert ended(effects) == [("a", Outcome.COMPLETED, None), *CANCELLED]
    assert [effect.execution_id for effect in effects if isinstance(effect, Begin)] == ["c"]
    assert it.queued == 2, "looks and messages for comms stay"


def test_so_does_an_interrupt_and_the_death_of_the_worker() -> None:
    it = machine(*IDLE, STOPS, *QUEUE, InterruptRequested())
    assert ended(it.handle(done("a", Failure(name="KeyboardInterrupt", value=""))))[1:] == CANCELLED
    assert ended(machine(*IDLE, STOPS, *QUEUE).handle(Exited("killed by SIGSEGV")))[1:] == CANCELLED


@pytest.mark.parametrize("last", [done("a"), done("a", NAME_ERROR)])
def test_otherwise_they_go_on(last: Input) -> None:
    begun = STOPS if last == done("a") else Submit("a", Execute(code="code of a", timeout_s=None, origin="ada"))
    it = machine(*IDLE, begun, *QUEUE)
    effects = it.handle(last)
    assert len(ended(effects)) == 1
    assert [effect.execution_id for effect in effects if isinstance(effect, Begin)] == ["b"]
    assert it.state is State.RUNNING


def test_what_does_not_count_has_no_number_of_its_own() -> None:
    it = machine(*IDLE)
    numbers = []
    for name, keys in (("a", {}), ("b", {"silent": True}), ("c", {"counted": False}), ("d", {})):
        effects = it.handle(Submit(name, Execute(code=f"code of {name}", timeout_s=None, **keys)))
        numbers += [effect.message.number for effect in effects if getattr(effect, "message", None) == run_of(name)]
        assert it.handle(done(name)) == finish(name)
    assert numbers == [1, 1, 1, 2]
