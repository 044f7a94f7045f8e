"""Host functions in JSON: requests and answers, checked at the edge."""

from typing import Any

import pytest

from interpreterd.dialects.native.calls import (
    call_body,
    check_form,
    names_call,
    parse_call_answer,
    parse_call_id,
    parse_functions,
)
from interpreterd.dialects.native.requests import parse_execute
from interpreterd.model.displays import Json
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.functions import HostFunction, HostRaised, PendingCall, Returned
from interpreterd.model.names import EVENT_STREAM, JSON, NDJSON

MIB = 1 << 20


def test_functions_have_a_name_and_perhaps_more() -> None:
    whole = {"name": "g", "async": True, "signature": "(x)", "doc": "d", "later": 1}
    assert parse_functions({"functions": [{"name": "f", "doc": None}, whole]}) == (
        HostFunction(name="f"),
        HostFunction(name="g", is_async=True, signature="(x)", doc="d"),
    )
    assert parse_functions({}) == ()


@pytest.mark.parametrize(
    ("functions", "told"),
    [
        ({}, "functions must be a list of objects"),
        ("f", "functions must be a list of objects"),
        (["f"], "each item of functions must be a JSON object"),
        ([{}], "functions must have a name each"),
        ([{"name": 1}], "name must be a string"),
        ([{"name": "f", "async": 1}], "async must be true or false"),
        ([{"name": "f", "doc": []}], "doc must be a string"),
        ([{"name": "f"}, {"name": "f"}], "functions must have different names: 'f' is there twice"),
    ],
)
def test_what_is_wrong_with_functions_is_named(functions: object, told: str) -> None:
    with pytest.raises((MalformedRequest, InvalidRequest)) as caught:
        parse_functions({"functions": functions})
    assert str(caught.value) == told


def test_a_client_that_could_not_answer_gets_no_functions() -> None:
    body = {"code": "f()", "functions": [{"name": "f"}]}
    with pytest.raises(InvalidRequest, match='functions must come with "events": "v2"'):
        parse_execute(body, contract=True)
    asked = parse_execute({**body, "events": "v2"}, contract=True)
    assert asked.execute.functions == (HostFunction(name="f"),)
    with pytest.raises(InvalidRequest, match=f"functions must come with an Accept of {NDJSON}"):
        check_form(asked.execute.functions, JSON)
    check_form(asked.execute.functions, NDJSON)
    check_form(asked.execute.functions, EVENT_STREAM)
    check_form((), JSON)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"value": None}, Returned(value=Json("null"))),
        ({"value": {"a": [1, "ü"]}, "error": None}, Returned(value=Json('{"a":[1,"ü"]}'))),
        ({"error": {"name": "E"}}, HostRaised(name="E", value="")),
        ({"error": {"name": "E", "value": "v", "later": 1}}, HostRaised(name="E", value="v")),
    ],
)
def test_an_answer_has_a_value_or_an_error(message: dict[str, Any], answer: object) -> None:
    assert parse_call_answer(message) == answer


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({}, "the answer must have either value or error"),
        ({"error": None}, "the answer must have either value or error"),
        ({"value": 1, "error": {"name": "E"}}, "the answer must have either value or error"),
        ({"error": "E"}, "error must be an object with the strings name and value"),
        ({"error": {"value": "v"}}, "error must be an object with the strings name and value"),
        ({"error": {"name": "E", "value": 1}}, "value must be a string"),
        ({"error": {"name": "E", "value": "v" * 16385}}, "at most 16384 characters each"),
        ({"value": "x" * (MIB - 1)}, "value must be at most 1048576 bytes of JSON; it has 1048577"),
        ({"value": deep(300)}, "value must be JSON that is nested less deep"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(message: dict[str, Any], told: str) -> None:
    with pytest.raises((MalformedRequest, InvalidRequest)) as caught:
        parse_call_answer(message)
    assert told in str(caught.value)


def test_the_longest_value_is_a_mebibyte() -> None:
    assert isinstance(parse_call_answer({"value": "x" * (MIB - 2)}), Returned)


@pytest.mark.parametrize("call_id", [None, "", 1, []])
def test_a_call_is_named_by_a_string(call_id: object) -> None:
    assert parse_call_id({"callId": "7"}) == "7"
    with pytest.raises(MalformedRequest, match="callId must be the id of a call"):
        parse_call_id({"callId": call_id})


def test_a_long_message_that_answers_a_call_is_known_by_its_ends() -> None:
    assert names_call(b'{"op":"return","callId":"1","value":"' + b"x" * 10_000)
    assert names_call(b"x" * 10_000 + b'","callId":"1"}')
    assert not names_call(b'{"op":"execute","code":"' + b"x" * 10_000 + b'"}')


def test_an_open_call_is_shown_with_its_arguments() -> None:
    body = call_body(PendingCall(call_id="1", name="f", args=Json("[1]"), kwargs=Json("{}")))
    assert list(body) == ["callId", "name", "args", "kwargs"]
