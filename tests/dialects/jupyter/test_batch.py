"""Cells that a front end has sent together."""

import json
from typing import Any

import pytest

from interpreterd.dialects.jupyter.batch import Batch


def header(milliseconds: int, **keys: Any) -> bytes:
    """Return the header of a message that JupyterLab has sent at this time."""
    date = f"2026-11-26T11:38:19.{milliseconds:03}Z"
    return json.dumps({"msg_id": "m", "date": date, "subshell_id": None} | keys).encode()


def failed(at: int = 100, took_s: float = 0.0, *, relayed: bool = True, **keys: Any) -> Batch:
    batch = Batch(relayed=relayed)
    batch.failed(header(at, **keys), took_s)
    return batch


def test_before_a_failure_no_cell_is_part_of_one() -> None:
    assert not Batch(relayed=True).includes(header(100))


def test_cells_sent_together_with_one_that_fails_are_part_of_it_up_to_a_pause() -> None:
    batch = failed()
    assert [batch.includes(header(at)) for at in (101, 149, 190, 239)] == [True] * 4
    assert not batch.includes(header(289))
    assert not batch.includes(header(290)), "the batch is over"


def test_what_was_sent_while_the_cell_ran_is_part_of_it() -> None:
    assert failed(took_s=0.3).includes(header(400))
    assert not failed(took_s=0.3).includes(header(460))


@pytest.mark.parametrize("keys", [{"date": None}, {"date": "soon"}, {"date": 1.5}, {"date": "0001-01-01T00:00:00"}])
def test_a_header_without_a_date_is_part_of_no_batch(keys: dict[str, Any]) -> None:
    assert not failed(**keys).includes(header(101))
    assert not failed().includes(header(101, **keys))


def test_a_program_goes_on_at_once() -> None:
    assert not failed(relayed=False).includes(header(101)), "the front end is connected directly"
    program = json.dumps({"msg_id": "m", "date": "2026-11-26T11:38:19.101Z"}).encode()
    assert not failed().includes(program)
    batch = Batch(relayed=True)
    batch.failed(program, 0)
    assert not batch.includes(header(102))
