"""The table of transitions is complete and consistent."""

import inspect
import typing
from collections.abc import Iterator
from typing import get_args

import pytest

from interpreterd.machine.actions import Actions
from interpreterd.machine.inputs import Close, Start, Submit
from interpreterd.machine.operations import OperationSteps
from interpreterd.machine.states import State
from interpreterd.machine.table import TRANSITIONS, Rule, diagram, on, rules_of


def rules() -> Iterator[Rule]:
    for by_kind in TRANSITIONS.values():
        yield from by_kind.values()


def test_every_state_has_its_rules() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_action_is_named_by_a_rule() -> None:
    # Methods with an underscore are parts of actions. Other inherited methods are steps.
    actions = {it for name, it in vars(Actions).items() if inspect.isfunction(it) and not name.startswith("_")}
    actions |= {it for name, it in vars(OperationSteps).items() if name.startswith("on_")}
    assert {rule.action for rule in rules()} == actions


def test_every_action_takes_the_input_of_its_rule() -> None:
    # The type checker also finds a mismatch, before anything runs.
    for rule in rules():
        taken = typing.get_type_hints(rule.action)["event"]
        assert rule.kind in (get_args(taken) or (taken,)), f"{rule.action.__name__} takes no {rule.kind.__name__}"


def refused_by_the_type_checker() -> None:
    """Never called. ``make lint`` requires that each ``ignore`` is needed: each line is a type error."""
    on(Submit, Actions.on_started, State.RUNNING)  # type: ignore[arg-type]
    on(Start, Actions.on_strat, State.STARTING)  # type: ignore[attr-defined]
    on(Submit, Actions.on_restart, State.STARTING)  # type: ignore[arg-type]
    on(Start, "on_start", State.STARTING)  # type: ignore[arg-type]


def test_an_action_that_is_not_there_is_seen_when_the_table_is_made() -> None:
    with pytest.raises(AttributeError, match="on_strat"):
        on(Start, Actions.on_strat, State.STARTING)  # type: ignore[attr-defined]


def test_one_input_has_one_rule_in_a_state() -> None:
    with pytest.raises(ValueError, match="two rules for Start"):
        rules_of(on(Start, Actions.on_start, State.STARTING), on(Start, Actions.ignore, State.STARTING))


def test_the_context_can_be_closed_from_everywhere() -> None:
    assert all(Close in by_kind for by_kind in TRANSITIONS.values())


def test_the_diagram_shows_every_state_and_every_way() -> None:
    lines = list(diagram())
    ways = {
        (state, target)
        for state, by_kind in TRANSITIONS.items()
        for rule in by_kind.values()
        for target in rule.leads_to
        if target is not state
    }
    assert len(lines) == len(ways) + 3
    assert "    starting --> running: WorkerStarted" in lines
