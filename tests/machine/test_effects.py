"""What comes out of a machine."""

import inspect
from typing import get_args

from interpreterd.machine import effects
from interpreterd.machine.effects import Effect


def test_every_class_of_the_file_is_an_effect() -> None:
    # So the driver, whose ``match`` ends in ``assert_never``, performs each of them.
    own = {it for _, it in inspect.getmembers(effects, inspect.isclass) if it.__module__ == effects.__name__}
    assert set(get_args(Effect)) == own
