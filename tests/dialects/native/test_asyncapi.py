"""asyncapi.json describes every message that the daemon sends or takes on a WebSocket, and no other message."""

import json
from typing import Any

import pytest
from described import ASYNCAPI, OPENAPI, is_described, schema, sent_by_client, sent_by_daemon
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from kinds import kinds
from paths import GOLDEN
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from interpreterd.dialects.native.errors import ROWS
from interpreterd.dialects.native.events import render, render_v1
from interpreterd.dialects.native.operations import parse_operation, parse_request_id
from interpreterd.dialects.native.refusals import execute_refusal, session_refusal
from interpreterd.http.closing import INVALID_TEXT, TRY_AGAIN_LATER
from interpreterd.model import displays, events, functions
from interpreterd.model.archives import Skipped
from interpreterd.model.comms import CommMessage
from interpreterd.model.errors import (
    ContextDeleted,
    ContextNotFound,
    ExecutionInterrupted,
    InterpreterError,
    InvalidRequest,
    LimitReached,
    MalformedRequest,
    ServerShuttingDown,
)
from interpreterd.model.events import Event, Finished, Gap, Submitted, WorkerEnded
from interpreterd.model.expiry import Expired
from interpreterd.model.restored import Restored

FEW = 15  # by kind: each kind is rendered in one form
EXECUTION_ID = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"


def golden(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / name).read_text("utf-8").splitlines()]


# The document


def references(node: Any) -> set[str]:
    """Return all references in ``node``."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere() -> None:
    base = "http://localhost/"
    documents = {"openapi.json": OPENAPI, "asyncapi.json": ASYNCAPI}
    registry: Registry[Any] = Registry().with_resources(
        (base + name, Resource(document, DRAFT202012)) for name, document in documents.items()
    )
    for name, document in documents.items():
        for reference in references(document):
            registry.resolver(base + name).lookup(reference)


def test_every_schema_and_every_message_is_used() -> None:
    used = references(OPENAPI) | references(ASYNCAPI)
    used |= {f"#/components/securitySchemes/{name}" for way in OPENAPI["security"] for name in way}
    for name, document in (("openapi.json", OPENAPI), ("asyncapi.json", ASYNCAPI)):
        for kind, components in document["components"].items():
            for component in components:
                pointer = f"#/components/{kind}/{component}"
                assert {pointer, name + pointer} & used, component


def test_every_schema_is_one() -> None:
    for document in (OPENAPI, ASYNCAPI):
        for it in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(it)


def test_the_channels_are_the_routes_that_can_be_upgraded() -> None:
    upgraded = {path for path, item in OPENAPI["paths"].items() if "101" in item.get("get", {}).get("responses", ())}
    assert {channel["address"] for channel in ASYNCAPI["channels"].values()} == upgraded


def test_every_close_code_is_described() -> None:
    codes = {str(shown.close_code) for shown in ROWS.values()} | {"1000", str(INVALID_TEXT), str(TRY_AGAIN_LATER)}
    assert set(ASYNCAPI["channels"]["execute"]["x-close-codes"]) == codes


# The examples


def test_the_examples_of_a_session() -> None:
    messages = golden("session.jsonl")
    refused = {message["requestId"] for message in messages if message.get("text") == "refused"}
    for message in messages:
        if "op" in message:
            is_fine = message["requestId"] not in refused
            assert is_described(message, sent_by_client("session"), closed=False) is is_fine, message
        else:
            assert is_described(message, sent_by_daemon("session")), message


def test_the_examples_of_a_context() -> None:
    for message in golden("feed.jsonl"):
        assert is_described(message, sent_by_daemon("contextEvents")), message


# Any message of the daemon

text = st.text(max_size=5)
failures = st.builds(events.Failure, name=text, value=text, traceback=text)
numbers = st.integers(0, 2**53)
bundles = st.dictionaries(text, text | st.just(displays.Json('{"a":[1]}')), max_size=3)
metadata = st.none() | st.just(displays.Json('{"width":640}'))
causes = st.sampled_from([None, ExecutionInterrupted("i"), ContextDeleted("c"), ServerShuttingDown()])
KINDS: dict[type[Any], st.SearchStrategy[Any]] = {
    events.Output: st.builds(
        events.Output, stream=st.sampled_from(events.Stream), text=st.text(min_size=1), replaced=numbers
    ),
    events.Queued: st.builds(events.Queued, ahead=numbers),
    events.Started: st.builds(events.Started, execution_count=numbers, worker_count=numbers),
    events.Restarted: st.just(events.Restarted()),
    Restored: st.builds(Restored, checkpoint_id=text, checkpoint_name=text)
    | st.builds(Restored, archive_id=text, missing=st.tuples(st.builds(Skipped, text, text))),
    events.InputRequest: st.builds(events.InputRequest, prompt=text, password=st.booleans()),
    functions.FunctionCall: st.builds(
        functions.FunctionCall,
        call_id=numbers.map(str),
        name=text,
        args=st.just(displays.Json('[1,{"a":null}]')),
        kwargs=st.just(displays.Json('{"b":[]}')),
    ),
    functions.FunctionEnd: st.builds(
        functions.FunctionEnd, call_id=numbers.map(str), outcome=st.sampled_from(functions.CallOutcome)
    ),
    displays.Result: st.builds(displays.Result, data=bundles, metadata=metadata, execution_count=numbers),
    displays.Display: st.builds(
        displays.Display, data=bundles, metadata=metadata, display_id=st.none() | text, page=st.booleans()
    ),
    displays.UpdateDisplay: st.builds(displays.UpdateDisplay, data=bundles, metadata=metadata, display_id=text),
    displays.ClearOutput: st.builds(displays.ClearOutput, wait=st.booleans()),
    displays.Evaluated: st.builds(displays.Evaluated, name=text, data=bundles, metadata=metadata)
    | st.builds(displays.Evaluated, name=text, error=failures),
    displays.NextInput: st.builds(displays.NextInput, text=text, replace=st.booleans()),
    CommMessage: st.builds(
        CommMessage,
        action=st.sampled_from(["open", "message", "close"]),
        comm_id=text,
        target=text,
        data=st.just(displays.Json("[1]")),
        metadata=metadata,
        buffers=st.just(()) | st.just((b"\x00", b"")),
    ),
    events.Raised: st.builds(events.Raised, error=failures),
    Finished: st.builds(
        Finished,
        outcome=st.sampled_from(events.Outcome),
        error=st.none() | failures,
        cause=causes,
        execution_count=st.none() | numbers,
    ),
    Gap: st.builds(Gap, first=numbers, last=numbers),
}
MORE_KINDS: dict[type[Any], st.SearchStrategy[Any]] = {
    Submitted: st.builds(
        Submitted, code=text, origin=text, cut_chars=numbers, silent=st.booleans(), comm=st.booleans()
    ),
    WorkerEnded: st.builds(WorkerEnded, how=text),
    Expired: st.builds(Expired, why=text),
}


def test_every_event_is_tried() -> None:
    assert {*KINDS, *MORE_KINDS} == {*kinds(), Gap}


def test_the_longest_event_is_described() -> None:
    for name, key in (("Output", "text"), ("Submitted", "code")):
        assert OPENAPI["components"]["schemas"][name]["properties"][key]["maxLength"] == events.EVENT_LIMIT_CHARS


def message_of(number: int, event: Event | Gap, ids: dict[str, str | None]) -> bytes:
    message = render(number, event, ids)
    assert message is not None
    return message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_whatever_an_execution_says_is_described(kind: type[Any]) -> None:
    @settings(max_examples=FEW)
    @given(KINDS[kind], numbers)
    def check(event: Any, number: int) -> None:
        if (line := render_v1(event, results=True)) is not None:
            schema("V1Message").validate(json.loads(line))
        ids: dict[str, str | None] = {"executionId": EXECUTION_ID}
        schema("ExecutionEvent").validate(json.loads(message_of(number, event, ids)))
        schema("SessionEvent").validate(json.loads(message_of(number, event, {**ids, "requestId": "r"})))

    check()


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS], ids=lambda kind: kind.__name__)
def test_whatever_happens_in_a_context_is_described(kind: type[Any]) -> None:
    @settings(max_examples=FEW)
    @given((KINDS | MORE_KINDS)[kind], numbers, st.none() | st.just(EXECUTION_ID))
    def check(event: Any, number: int, execution_id: str | None) -> None:
        schema("ContextEvent").validate(json.loads(message_of(number, event, {"executionId": execution_id})))

    check()


REFUSALS: list[InterpreterError] = [
    MalformedRequest("m"),
    InvalidRequest("i"),
    ContextNotFound("c"),
    LimitReached("l"),
    ServerShuttingDown(),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("request_id", ["r", None])
def test_whatever_is_refused_is_described(error: InterpreterError, request_id: str | None) -> None:
    for line in session_refusal(error, request_id):
        assert is_described(json.loads(line), sent_by_daemon("session"))
    if (message := execute_refusal(error)) is not None:
        assert is_described(json.loads(message), sent_by_daemon("execute"))


# Any message of a client

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
operations = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["execute", "comm", "interrupt", "input", "return", "ping"]) | scalars,
        "requestId": st.just("r") | scalars,
    },
    optional={
        key: st.just("x") | scalars
        for key in ("code", "contextId", "commId", "action", "executionId", "text", "callId", "value", "error", "later")
    },
)


@given(operations)
@example({"op": "execute", "requestId": "x" * 256, "code": "pass"})
@example({"op": "execute", "requestId": "x" * 257, "code": "pass"})
@example({"op": "execute", "requestId": "r", "code": "pass", "origin": "x" * 257})
@example({"op": "interrupt", "requestId": "r", "contextId": None, "executionId": ""})
@example({"op": "input", "requestId": "r", "executionId": "e", "text": None})
@example({"op": "input", "requestId": "r", "executionId": ""})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "1", "value": None})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "1", "value": [{}], "error": None})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "1", "error": {"name": "E", "value": "v"}})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "1", "error": {"name": "E"}, "value": 1})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "1", "error": {"value": "v"}})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "1"})
@example({"op": "return", "requestId": "r", "executionId": "e", "callId": "", "value": 1})
@example({"op": "pong", "requestId": "r"})
def test_what_is_described_is_what_a_session_takes(message: dict[str, Any]) -> None:
    assert is_described(message, sent_by_client("session"), closed=False) is takes(message)


def takes(message: dict[str, Any]) -> bool:
    """Return whether a session takes this message."""
    try:
        parse_request_id(message)
        parse_operation(message)
    except (MalformedRequest, InvalidRequest):
        return False
    return True
