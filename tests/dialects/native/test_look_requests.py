"""Requests for looks: the cursor is in the code, and counts code points."""

from typing import Any

import pytest

from interpreterd.dialects.native.look_requests import parse_code_look, parse_look_timeout
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.looks import Task


def test_defaults() -> None:
    asked = parse_code_look({"code": "😀x", "cursor": None, "later": 1}, "complete", "c")
    assert (asked.code, asked.context_id, asked.timeout_s, asked.stays) == ("😀x", "c", 10, False)
    assert asked.task == Task(kind="complete", cursor=2)
    assert parse_code_look({"code": ""}, "isComplete", "c").task == Task(kind="isComplete")
    assert parse_code_look({"code": "x", "timeout": 0}, "inspect", "c").timeout_s is None
    assert (parse_look_timeout(None), parse_look_timeout("0"), parse_look_timeout("7")) == (10, None, 7)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"code": "x", "cursor": 2}, "cursor must be a number of characters from 0 to 1, the length of code"),
        ({"code": "x", "cursor": -1}, "cursor must be a number of characters from 0 to 1, the length of code"),
        ({"code": "x", "detail": 2}, "detail must be 0 or 1"),
        ({"code": "x", "timeout": -1}, "timeout must be a number of seconds"),
    ],
)
def test_impossible_values_are_named(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        parse_code_look(body, "inspect", "c")


@pytest.mark.parametrize(
    "body", [[], None, {}, {"code": 1}, {"code": "x", "cursor": "1"}, {"code": "x", "cursor": 0.5}]
)
def test_wrong_types_are_malformed(body: Any) -> None:
    with pytest.raises(MalformedRequest):
        parse_code_look(body, "complete", "c")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "٣", "9" * 11])
def test_a_timeout_of_a_query_is_a_whole_number(text: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_look_timeout(text)
