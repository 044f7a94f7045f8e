"""The machine's effects."""

import inspect
from typing import get_args

from interpreterd.machine import effects
from interpreterd.machine.effects import Effect


def test_every_class_of_the_file_is_an_effect() -> None:
    # The driver's ``match`` ends in ``assert_never``, so the type checker proves that it performs every effect.
    own = {it for _, it in inspect.getmembers(effects, inspect.isclass) if it.__module__ == effects.__name__}
    assert set(get_args(Effect)) == own
