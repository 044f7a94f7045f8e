"""The parts that all dialects share."""

import gc

import pytest

from interpreterd.dialects.dialect import row
from interpreterd.model.errors import BodyTooLarge, InterpreterError, LimitReached, MalformedRequest, OutOfResources


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (MalformedRequest("m"), "malformed"),
        (BodyTooLarge(1), "malformed"),
        (OutOfResources("o"), "any"),
        (LimitReached("l"), "limit"),
        (InterpreterError("i"), "any"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_has_the_row_of_its_nearest_base(error: InterpreterError, found: str) -> None:
    table = {InterpreterError: "any", MalformedRequest: "malformed", LimitReached: "limit"}
    assert row(table, error) == found


def test_a_row_of_its_own_comes_first() -> None:
    class Toy(LimitReached):
        pass

    try:
        assert row({InterpreterError: 1, LimitReached: 2}, Toy("t")) == 2
        assert row({InterpreterError: 1, LimitReached: 2, Toy: 3}, Toy("t")) == 3
    finally:
        del Toy
        gc.collect()  # otherwise other tests would find it among the subclasses
