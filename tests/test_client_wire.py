"""What the daemon describes and what ``interpreterd.client`` keeps of it: every field of every event and object."""

import itertools
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import orjson
import pytest
from described import OPENAPI

from interpreterd.cli import run
from interpreterd.client import ContextNotFound, Execution, Outcome, Output, Refused, Stream
from interpreterd.client.contexts import ContextData
from interpreterd.client.link import Link
from interpreterd.client.results import Collector
from interpreterd.client.wire import parse
from interpreterd.schema import Finished

EXECUTION_ID = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]
EVENTS = [it["$ref"].rpartition("/")[2] for it in SCHEMAS["ExecutionEvent"]["allOf"][1]["oneOf"]]


def examples(name: str) -> Iterator[dict[str, Any]]:
    """Yield objects of a schema that have all of its properties, each with a value of its own, and each choice once."""
    numbers = itertools.count(1001)

    def values(key: str, it: dict[str, Any]) -> list[Any]:
        match it:
            case {"const": value}:
                return [value]
            case {"enum": choices}:
                return list(choices)
            case {"type": "integer"}:
                return [next(numbers)]
            case {"type": "boolean"}:
                return [True]
            case {"type": "string"}:
                return [f"{key} {next(numbers)}"]
        raise AssertionError(f"{name}.{key}: {it} is new here")

    properties = SCHEMAS[name]["properties"]
    for chosen in itertools.product(*(values(key, it) for key, it in properties.items())):
        yield dict(zip(properties, chosen, strict=True))


def kept(value: object) -> list[object]:
    """Return all that is in an event, however deep."""
    if attrs.has(type(value)):
        return [item for field in attrs.fields(type(value)) for item in kept(getattr(value, field.name))]
    return [value]


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_an_event_is_kept(name: str) -> None:
    for number, message in enumerate(examples(name)):
        came = parse(orjson.dumps({**message, "executionId": EXECUTION_ID, "seq": number}))
        assert (came.number, came.execution_id) == (number, EXECUTION_ID)
        assert came.event is not None, message
        is_name = message["type"] == "control"  # then ``text`` says which event it is
        said = {key: value for key, value in message.items() if key != "type" and not (is_name and key == "text")}
        assert set(said.values()) <= set(kept(came.event)), (message, came.event)


def test_each_kind_of_event_is_another_one() -> None:
    kinds = [
        (message["type"], message.get("text") if message["type"] == "control" else None)
        for name in EVENTS
        for message in examples(name)
    ]
    assert len(set(kinds)) == len(kinds)
    assert [parse(orjson.dumps({**it, "executionId": None, "seq": 0})).event for it in examples("Ended")] == [
        Finished(outcome=outcome) for outcome in (Outcome.COMPLETED, Outcome.INTERRUPTED, Outcome.CANCELLED)
    ]


def test_what_an_execution_comes_to_counts_the_bytes_that_were_no_text() -> None:
    collector = Collector(3)
    for replaced in (0, 1, 2):
        collector.add(Output(stream=Stream.STDOUT, text="\ufffd\ufffd", replaced=replaced))
    collector.add(Finished(outcome=Outcome.COMPLETED))
    result = collector.result(EXECUTION_ID, "default")
    assert (result.stdout, result.cut_chars, result.replaced) == ("\ufffd" * 3, 3, 3)


def test_every_key_of_a_context_is_kept() -> None:
    keys = SCHEMAS["Context"]["properties"].keys()
    context = ContextData({key: f"the {key}" for key in keys})
    assert {key: context[key] for key in keys} == {key: f"the {key}" for key in keys}


def test_all_that_a_refusal_says_is_kept() -> None:
    body = {"error": "why", "code": "context_not_found"}
    assert set(SCHEMAS["Error"]["properties"]) == set(body)
    answer: Any = SimpleNamespace(status=404, headers={"Retry-After": "7"})
    error = Link("http://localhost", {})._refusal(answer, body)
    assert isinstance(error, ContextNotFound)
    assert isinstance(error, Refused)
    assert (str(error), error.code, error.status, error.retry_after_s) == ("why", "context_not_found", 404, 7.0)


def test_the_command_line_says_all_of_an_execution() -> None:
    fields = {field.name for field in attrs.fields(Execution) if not field.name.startswith("_")}
    execution = Execution(
        id=EXECUTION_ID, context_id="default", outcome=Outcome.LOST, stdout="o", stderr="e", error=None, replaced=3
    )
    said = run.execution_json(execution)
    names = {re.sub("[A-Z]", lambda it: f"_{it[0].lower()}", key): value for key, value in said.items()}
    names["id"] = names.pop("execution_id")
    assert names == {name: getattr(execution, name) for name in fields}
