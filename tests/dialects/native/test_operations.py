"""The operations of a session: valid messages and errors."""

import json
from typing import Any

import pytest

from interpreterd.dialects.native.operations import (
    REQUEST_ID_LIMIT_CHARS,
    InputOperation,
    InterruptOperation,
    Operation,
    PingOperation,
    ReturnOperation,
    answer,
    parse_message,
    parse_operation,
    parse_request_id,
    parse_text,
)
from interpreterd.model.displays import Json
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.functions import HostRaised, Returned
from interpreterd.model.requests import Execute


@pytest.mark.parametrize(
    ("message", "operation"),
    [
        ({"op": "execute", "requestId": "r", "code": "x", "later": 1}, Execute(code="x")),
        ({"op": "interrupt"}, InterruptOperation(None, None)),
        ({"op": "interrupt", "contextId": "c", "executionId": "e"}, InterruptOperation("c", "e")),
        ({"op": "interrupt", "contextId": ""}, InterruptOperation(None, None)),
        ({"op": "input", "executionId": "e", "text": "t"}, InputOperation("e", "t")),
        ({"op": "input", "executionId": "e", "text": None}, InputOperation("e", None)),
        (
            {"op": "return", "executionId": "e", "callId": "7", "value": [1]},
            ReturnOperation("e", "7", Returned(value=Json("[1]"))),
        ),
        (
            {"op": "return", "executionId": "e", "callId": "7", "error": {"name": "E", "value": "v"}},
            ReturnOperation("e", "7", HostRaised(name="E", value="v")),
        ),
        ({"op": "ping"}, PingOperation()),
    ],
)
def test_operations(message: dict[str, Any], operation: Operation) -> None:
    assert parse_operation(message) == operation


@pytest.mark.parametrize(
    ("message", "error", "reason"),
    [
        ({}, MalformedRequest, "op must be a string"),
        ({"op": 1}, MalformedRequest, "op must be a string"),
        ({"op": "pong"}, InvalidRequest, "op must be one of execute, comm, interrupt, input, return, ping"),
        ({"op": "execute"}, InvalidRequest, "code must not be empty"),
        ({"op": "interrupt", "contextId": 1}, MalformedRequest, "contextId must be a string"),
        ({"op": "input"}, MalformedRequest, "executionId must name the execution that asks"),
        ({"op": "input", "executionId": ""}, MalformedRequest, "executionId must name the execution that asks"),
        ({"op": "return", "callId": "1"}, MalformedRequest, "executionId must name the execution that calls"),
        ({"op": "return", "executionId": "e"}, MalformedRequest, "callId must be the id of a call"),
    ],
)
def test_what_is_no_operation_is_named(message: dict[str, Any], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=rf"^{reason}$"):
        parse_operation(message)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_a_message_is_an_object(value: object) -> None:
    with pytest.raises(MalformedRequest, match=r"^the message must be a JSON object$"):
        parse_message(value)


@pytest.mark.parametrize("request_id", ["", "x" * (REQUEST_ID_LIMIT_CHARS + 1), 1, None])
def test_a_request_has_a_name_of_bounded_length(request_id: object) -> None:
    assert parse_request_id({"requestId": "x" * REQUEST_ID_LIMIT_CHARS})
    with pytest.raises(MalformedRequest, match=r"^requestId must be a string of 1 to 256 characters$"):
        parse_request_id({"requestId": request_id})


def test_an_answer_is_text_or_the_end() -> None:
    assert (parse_text({"text": ""}), parse_text({"text": None}), parse_text({})) == ("", None, None)
    with pytest.raises(MalformedRequest, match=r"^text must be a string, or null for the end of the input$"):
        parse_text({"text": 1})


def test_an_input_stays_out_of_logs() -> None:
    assert "secret" not in repr(InputOperation("e", "secret"))


def test_an_operation_is_answered_by_its_name() -> None:
    assert json.loads(answer("pong", "r")) == {"type": "control", "text": "pong", "requestId": "r"}
