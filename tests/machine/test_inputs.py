"""The machine's inputs."""

import inspect
from typing import get_args

from interpreterd.machine import inputs
from interpreterd.machine.inputs import Input
from interpreterd.machine.table import TRANSITIONS


def test_every_class_of_the_file_is_an_input() -> None:
    own = {it for _, it in inspect.getmembers(inputs, inspect.isclass) if it.__module__ == inputs.__name__}
    assert set(get_args(Input)) == own


def test_every_input_can_come_in_some_state() -> None:
    assert set(get_args(Input)) == {kind for rules in TRANSITIONS.values() for kind in rules}
