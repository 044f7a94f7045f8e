"""Events as lines in E2B's form."""

import json
from typing import Any

import pytest

from interpreterd.dialects.e2b.events import render
from interpreterd.model.displays import ClearOutput, Display, Json, Result
from interpreterd.model.errors import ContextDeleted, ContextRestarted, ExecutionInterrupted
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome, Output, Queued, Stream


def lines(event: Event | Gap) -> list[Any]:
    return [json.loads(line) for line in (render(0, event) or b"").splitlines()]


def test_output_has_a_time() -> None:
    (line,) = lines(Output(stream=Stream.STDERR, text="a\n"))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"type": "stderr", "text": "a\n"}


def test_a_result_has_a_key_for_each_format() -> None:
    data = {"text/plain": "{'a': 1}", "application/json": Json('{"a":1}'), "image/png": "iVBO", "a/b+json": Json("[1]")}
    assert lines(Result(data=data, execution_count=3)) == [
        {
            "type": "result",
            "text": "{'a': 1}",
            "json": {"a": 1},
            "png": "iVBO",
            "extra": {"a/b+json": [1]},
            "is_main_result": True,
        }
    ]


@pytest.mark.parametrize(
    ("text", "told"), [("'a'", "a"), ('"it\'s"', "it's"), ("''", ""), ("'", "'"), ("'a'b", "'a'b"), ("1", "1")]
)
def test_text_loses_the_quotes_around_it(text: str, told: str) -> None:
    assert lines(Display(data={"text/plain": text}))[0]["text"] == told


@pytest.mark.parametrize(
    ("finished", "told"),
    [
        (Finished(outcome=Outcome.COMPLETED), None),
        (Finished(outcome=Outcome.COMPLETED, error=Failure(name="E", value="v", traceback="t")), ("E", "v", "t")),
        (
            Finished(
                outcome=Outcome.CANCELLED,
                error=Failure(name="KeyboardInterrupt", value=""),
                cause=ExecutionInterrupted("interrupted by a client"),
            ),
            ("KeyboardInterrupt", "", ""),
        ),
        (
            Finished(outcome=Outcome.LOST, error=Failure(name="WorkerDied", value="killed by SIGSEGV")),
            ("ContextRestarting", "Context was restarted", "WorkerDied: killed by SIGSEGV"),
        ),
        (
            Finished(outcome=Outcome.CANCELLED, cause=ContextRestarted("x")),
            ("ContextRestarting", "Context was restarted", "context restarted: x"),
        ),
    ],
)
def test_an_execution_ends_with_its_error(finished: Finished, told: tuple[str, str, str] | None) -> None:
    *errors, end = lines(finished)
    assert end == {"type": "end_of_execution"}
    assert [(error["name"], error["value"], error["traceback"]) for error in errors] == ([] if told is None else [told])


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.LOST])
def test_a_context_that_ends_ends_its_executions_unexpectedly(outcome: Outcome) -> None:
    error, end = lines(Finished(outcome=outcome, cause=ContextDeleted("x")))
    assert (error["name"], error["traceback"]) == ("UnexpectedEndOfExecution", "context deleted: x")
    assert end == {"type": "unexpected_end_of_execution"}


@pytest.mark.parametrize("event", [Queued(ahead=1), ClearOutput(wait=True), Gap(first=0, last=1)])
def test_other_events_are_not_told(event: Event | Gap) -> None:
    assert render(0, event) is None
