"""The contents of requests."""

from typing import Any

import pytest

from interpreterd.dialects.jupyter.contents import parse_execute, parse_look
from interpreterd.model.errors import MalformedRequest


def test_an_execution_has_the_defaults_of_jupyter() -> None:
    request, silent = parse_execute({"code": "1"}, "k")
    assert (request.code, request.context_id, request.timeout_s) == ("1", "k", None)
    assert (request.stdin, request.stays, request.results, silent) == (True, True, True, False)


def test_a_silent_execution_has_no_result() -> None:
    request, silent = parse_execute({"code": "1", "silent": True, "allow_stdin": False}, "k")
    assert (request.results, request.stdin, silent) == (False, False, True)


@pytest.mark.parametrize(
    ("content", "cursor", "detail"),
    [
        ({"code": "é.x", "cursor_pos": 2, "detail_level": 1}, 2, 1),
        ({"code": "abc"}, 3, 0),
        ({"code": "abc", "cursor_pos": 99, "detail_level": 7}, 3, 1),
        ({"code": "abc", "cursor_pos": -1}, 0, 0),
        ({"code": "abc", "cursor_pos": 1.0}, 1, 0),
        ({}, 0, 0),
    ],
)
def test_a_cursor_stays_within_the_code(content: dict[str, Any], cursor: int, detail: int) -> None:
    task = parse_look(content, "inspect", "k").task
    assert task is not None
    assert (task.cursor, task.detail) == (cursor, detail)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"code": 1}, "content.code must be a string"),
        ({"code": "1", "silent": "yes"}, "content.silent must be true or false"),
        ({"code": "1", "allow_stdin": 1}, "content.allow_stdin must be true or false"),
    ],
)
def test_a_wrong_type_in_an_execution_is_named(content: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedRequest, match=said):
        parse_execute(content, "k")


@pytest.mark.parametrize("value", ["1", 1.5, True, []])
def test_a_wrong_cursor_is_named(value: Any) -> None:
    with pytest.raises(MalformedRequest, match=r"content\.cursor_pos must be a whole number"):
        parse_look({"code": "", "cursor_pos": value}, "complete", "k")
