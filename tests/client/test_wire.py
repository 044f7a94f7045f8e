"""``client.wire``: every documented event is read with all of its fields; other input is harmless."""

import base64
import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

import attrs
import orjson
import pytest
from described import OPENAPI
from hypothesis import example, given
from hypothesis import strategies as st
from paths import ROOT

from interpreterd.client import Finished, Outcome
from interpreterd.client.wire import parse
from interpreterd.model import displays

SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]
EXECUTION_ID = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"
EVENTS = [it["$ref"].rpartition("/")[2] for it in SCHEMAS["ExecutionEvent"]["allOf"][1]["oneOf"]]


def examples(name: str) -> Iterator[dict[str, Any]]:
    """Yield objects with all properties of a schema: a unique value for each, and all combinations of choices."""
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
            case {"type": ["string", "null"]}:
                return [f"{key} {next(numbers)}", None]
            case {"$ref": reference}:
                return values(key, SCHEMAS[reference.rpartition("/")[2]])
            case {"anyOf": [{"$ref": reference}, {"type": "null"}]}:
                return [made(SCHEMAS[reference.rpartition("/")[2]]), None]
            case {"properties": {}}:
                return [made(it)]
            case {"type": "array", "items": {"$ref": reference}}:
                return [[made(SCHEMAS[reference.rpartition("/")[2]])]]
            case {"description": "Any JSON value; mostly an object."}:
                return [{key: next(numbers)}]
            case {"type": "array"} if key == "args":
                return [[next(numbers)]]
            case {"type": "object"} if key == "kwargs":
                return [{key: next(numbers)}]
            case {"type": "array", "items": {"contentEncoding": "base64"}}:
                return [[base64.b64encode(f"{key} {next(numbers)}".encode()).decode()]]
            case {"type": "array", "items": {"type": "string"}}:
                return [[f"{key} {next(numbers)}"]]
            case {"type": ["integer", "null"]}:
                return [next(numbers), None]
            case {"type": "string"}:
                return [f"{key} {next(numbers)}"]
            case {"type": "object", "additionalProperties": True}:
                return [{"text/plain": f"{key} {next(numbers)}", "a/b+json": [next(numbers)]}]
        raise AssertionError(f"{name}.{key}: {it} is new here")

    def made(it: dict[str, Any]) -> dict[str, Any]:
        """Return one object of a schema; those in it that are like it are left out."""
        empty: dict[str, Any] = {"cause": None, "context": None, "exceptions": []}
        return {key: empty[key] if key in empty else values(key, of)[0] for key, of in it["properties"].items()}

    properties = SCHEMAS[name]["properties"]
    for chosen in itertools.product(*(values(key, it) for key, it in properties.items())):
        yield dict(zip(properties, chosen, strict=True))


def said(value: object) -> list[object]:
    """Return all values in a message, also nested ones."""
    match value:
        case dict():
            # The media type of a file follows from its path.
            return [item for key, each in value.items() if key != "mimeType" for item in said(each)]
        case list():
            return [item for each in value for item in said(each)]
    return [value]


def kept(value: object) -> list[object]:
    """Return all values in an event, also nested ones."""
    if isinstance(value, tuple):
        return [item for each in value for item in kept(each)]
    if isinstance(value, bytes):
        return [base64.b64encode(value).decode()]
    if isinstance(value, displays.Json):
        return said(orjson.loads(value.text))
    if isinstance(value, dict):
        return [item for each in value.values() for item in kept(each)]
    if attrs.has(type(value)):
        return [item for field in attrs.fields(type(value)) for item in kept(getattr(value, field.name))]
    return [value]


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_an_event_is_kept(name: str) -> None:
    for number, message in enumerate(examples(name)):
        came = parse(orjson.dumps({**message, "executionId": EXECUTION_ID, "seq": number}))
        assert (came.number, came.execution_id) == (number, EXECUTION_ID)
        assert came.event is not None, message
        is_name = message["type"] == "control"  # ``text`` is the name of the event
        rest = {key: value for key, value in message.items() if key != "type" and not (is_name and key == "text")}
        assert set(said(rest)) <= set(kept(came.event)), (message, came.event)


def test_each_kind_of_event_is_another_one() -> None:
    kinds = [
        kind
        for name in EVENTS
        for kind in {(it["type"], it.get("text") if it["type"] == "control" else None) for it in examples(name)}
    ]
    assert len(set(kinds)) == len(kinds)


def test_the_end_tells_how_and_why() -> None:
    for it in examples("Ended"):
        came = parse(orjson.dumps({**it, "executionId": None, "seq": 0}))
        assert isinstance(came.event, Finished)
        files = came.event.files
        assert came.event == Finished(outcome=Outcome(it["outcome"]), reason=it["code"], files=files)
        listed = None if files is None else [{"path": file.path, "size": file.size_bytes} for file in files.files]
        shown = [{"path": file["path"], "size": file["size"]} for file in it["files"]] if "files" in it else None
        assert listed == shown
        assert came.tells_outcome


@pytest.mark.parametrize("text", ["completed", "interrupted", "cancelled"])
def test_the_end_that_an_older_daemon_tells_is_known_to_be_less(text: str) -> None:
    came = parse(orjson.dumps({"type": "control", "text": text, "executionId": None, "seq": 0}))
    assert came.event == Finished(outcome=Outcome(text))
    assert not came.tells_outcome


def test_reads_every_event_that_the_protocol_has() -> None:
    lines = [
        json.loads(line)
        for name in ("session", "feed")
        for line in (ROOT / f"tests/golden/{name}.jsonl").read_text("utf-8").splitlines()
    ]
    events = [message for message in lines if "seq" in message]
    known = [parse(json.dumps(message).encode()) for message in events]
    assert len(known) > 10
    assert {(it.number, it.execution_id) for it in known} == {(it["seq"], it["executionId"]) for it in events}
    unknown = {message["type"] for message, it in zip(events, known, strict=True) if it.event is None}
    assert unknown == {"submitted", "workerEnded", "expired"}, "those of contexts"


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
@example(b"[" * 100_000)
@example(b'{"seq": "1", "type": "stdout", "text": ""}')
@example(b'{"seq": 1, "type": "control"}')
@example(b'{"seq": 1, "type": "control", "text": {}}')
@example(b'{"seq": 1, "type": "control", "text": "completed", "outcome": "later"}')
@example(b'{"seq": 1, "type": "control", "text": "completed", "outcome": "lost", "code": 1}')
@example(b'{"seq": 1, "executionId": 1, "type": "started"}')
def test_what_is_no_event_is_a_value_error(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert parse(line).event is None
