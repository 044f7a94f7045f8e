"""Events of output data count with all their data, and for the program's client."""

import pytest

from interpreterd.model.displays import ClearOutput, Display, Json, Result, UpdateDisplay, size_bytes, weight
from interpreterd.model.events import Event

PICTURE = {"text/plain": "<Figure>", "image/png": "A" * 1_000_000}
TABLE = {"application/json": Json("1" * 1_000_000)}


@pytest.mark.parametrize(
    "event",
    [
        Result(data=PICTURE, execution_count=1),
        Display(data=TABLE),
        UpdateDisplay(data=PICTURE, display_id="d"),
        Display(data={}, metadata=Json("2" * 1_000_000)),
    ],
)
def test_its_data_counts(event: Event) -> None:
    assert 1_000_000 < event.kept_bytes < 1_010_000
    assert event.counts_as_backlog
    assert len(repr(event)) < 200, "data stays out of logs"


def test_even_clear_output_counts() -> None:
    assert ClearOutput(wait=False).kept_bytes > 0
    assert ClearOutput.counts_as_backlog


def test_the_size_of_data_is_that_of_its_values() -> None:
    assert size_bytes({**PICTURE, **TABLE}) == 2_000_008


def test_elements_weigh_and_text_does_not() -> None:
    assert weight(b'"' + b"x" * 1000 + b'"') == 2
    assert weight(b"[[],{}]") == 7
