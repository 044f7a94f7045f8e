"""The states of the machine."""

from machine_scripts import ACTIVE, REACHING, machine

from interpreterd.machine.states import SHOWN, State
from interpreterd.model import context_info


def test_clients_are_shown_a_worker_where_there_is_one() -> None:
    assert set(SHOWN) == set(State)
    assert {state for state in State if SHOWN[state] in context_info.ACTIVE} == ACTIVE


def test_every_state_can_be_reached() -> None:
    assert {state: machine(*inputs).state for state, inputs in REACHING.items()} == {state: state for state in State}
