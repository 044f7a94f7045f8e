"""What looks have found, as replies."""

from typing import Any

import pytest

from interpreterd.dialects.jupyter.looks import found_content, refusal_content
from interpreterd.model.errors import ExecutionTimedOut
from interpreterd.model.events import Failure, Finished, Outcome
from interpreterd.model.execution_errors import LookFailed
from interpreterd.model.looks import Cell, Comms, Found, History, HistoryQuery, OpenComm, Task

CELLS = History(cells=(Cell(number=1, source="1", output="1"), Cell(number=2, source="x = 1")))


@pytest.mark.parametrize(
    ("task", "found", "content"),
    [
        (Task(kind="history"), CELLS, {"history": [(1, 1, "1"), (1, 2, "x = 1")]}),
        (
            Task(kind="history", history=HistoryQuery(output=True)),
            CELLS,
            {"history": [(1, 1, ("1", "1")), (1, 2, ("x = 1", None))]},
        ),
        (
            Task(kind="comms"),
            Comms(comms=(OpenComm(comm_id="c", target="t"),)),
            {"comms": {"c": {"target_name": "t"}}},
        ),
    ],
    ids=["history", "outputs", "comms"],
)
def test_what_is_found_is_the_content(task: Task, found: Found, content: dict[str, Any]) -> None:
    end = Finished(outcome=Outcome.COMPLETED, found=found)
    assert found_content(task, end) == {"status": "ok", **content}


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (Finished(outcome=Outcome.LOST, error=Failure(name="Odd", value="no")), "Odd: no"),
        (Finished(outcome=Outcome.COMPLETED), "its code has ended Python"),
        (Finished(outcome=Outcome.INTERRUPTED, cause=ExecutionTimedOut("too long")), "too long"),
    ],
)
def test_a_look_without_a_find_says_why(end: Finished, said: str) -> None:
    content = found_content(Task(kind="complete"), end)
    assert (content["status"], content["evalue"]) == ("error", said)


def test_a_refusal_names_the_error() -> None:
    content = refusal_content(LookFailed("no"))
    assert content == {"status": "error", "ename": "LookFailed", "evalue": "no", "traceback": ["no"]}
