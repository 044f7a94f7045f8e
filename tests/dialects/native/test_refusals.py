"""Refused requests on WebSockets: the error message and the close code."""

import json

import pytest

from interpreterd.dialects.native.refusals import execute_refusal, session_refusal
from interpreterd.model.errors import ContextNotFound, InvalidRequest, MalformedRequest
from interpreterd.model.requests import ID_LIMIT_CHARS


def test_a_refusal_is_announced_only_where_the_contract_says_so() -> None:
    assert execute_refusal(MalformedRequest("code must be a string")) is None
    assert (
        execute_refusal(ContextNotFound("x"))
        == b'{"type":"error","name":"ContextError","value":"context not found: x","traceback":""}'
    )


@pytest.mark.parametrize("character", ["\0", "é", "😀", '"', "x", "\x7f"])
def test_the_longest_refusal_stays_below_one_mib(character: str) -> None:
    refused = execute_refusal(ContextNotFound(character * ID_LIMIT_CHARS))
    assert refused is not None
    assert len(refused) < 1 << 20


def test_a_session_names_the_request_and_the_code() -> None:
    error, refused = map(json.loads, session_refusal(InvalidRequest("code must not be empty"), "r"))
    assert error == {
        "type": "error",
        "name": "RequestError",
        "value": "code must not be empty",
        "traceback": "",
        "requestId": "r",
        "code": "invalid_request",
    }
    assert refused == {"type": "control", "text": "refused", "requestId": "r"}
    error, _ = map(json.loads, session_refusal(ContextNotFound("x"), None))
    assert (error["name"], error["value"], error["requestId"]) == ("ContextError", "Context not found: x", None)
