"""The contents of requests."""

import json
from typing import Any

import pytest

from interpreterd.dialects.jupyter.contents import parse_comm, parse_execute, parse_history, parse_look, parse_target
from interpreterd.dialects.jupyter.envelope import Incoming, parse_incoming
from interpreterd.model.comms import ToComm
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.looks import HISTORY_LIMIT, HistoryQuery
from interpreterd.model.requests import Execute


def execution(content: dict[str, Any]) -> Execute:
    """Return what a client asks to run."""
    return parse_execute(content, "k", origin="me", message_id="m")


def to_comm(kind: str, content: dict[str, Any]) -> Incoming:
    """Return a client's message to a comm."""
    message = {"header": {"msg_type": kind, "msg_id": "m"}, "content": content, "metadata": {"m": 1}}
    return parse_incoming(message, [b"\0\xff"])


def test_an_execution_has_the_defaults_of_jupyter() -> None:
    assert execution({"code": "1"}) == Execute(
        code="1",
        context_id="k",
        timeout_s=None,
        stdin=True,
        pages=True,
        stop_on_error=True,
        origin="me",
        message_id="m",
    )


def test_a_silent_execution_neither_counts_nor_stops_others() -> None:
    asked = execution({"code": "1", "silent": True, "store_history": True, "allow_stdin": False})
    assert asked.silent
    assert not any((asked.counts, asked.results, asked.stdin, asked.stop_on_error, asked.pages))


def test_each_option_is_the_clients_own() -> None:
    content = {"code": "1", "store_history": False, "stop_on_error": False, "user_expressions": {"a": "x + 1"}}
    asked = execution(content)
    assert (asked.counted, asked.stop_on_error, asked.expressions) == (False, False, {"a": "x + 1"})


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
        ({"code": 1}, r"content\.code must be a string"),
        ({"code": "1", "silent": "yes"}, r"content\.silent must be true or false"),
        ({"code": "1", "allow_stdin": 1}, r"content\.allow_stdin must be true or false"),
        ({"code": "1", "store_history": "x"}, r"content\.store_history must be true or false"),
        ({"code": "1", "stop_on_error": []}, r"content\.stop_on_error must be true or false"),
        ({"code": "1", "user_expressions": ["x"]}, r"content\.user_expressions must be an object"),
        ({"code": "1", "user_expressions": {"a": 1}}, r"content\.user_expressions must be an object"),
    ],
)
def test_a_wrong_type_in_an_execution_is_named(content: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedRequest, match=said):
        execution(content)


@pytest.mark.parametrize("value", ["1", 1.5, True, []])
def test_a_wrong_cursor_is_named(value: Any) -> None:
    with pytest.raises(MalformedRequest, match=r"content\.cursor_pos must be a whole number"):
        parse_look({"code": "", "cursor_pos": value}, "complete", "k")


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ({"hist_access_type": "tail", "n": 10, "raw": True, "output": False}, HistoryQuery(n=10)),
        ({}, HistoryQuery(n=HISTORY_LIMIT)),
        ({"hist_access_type": "tail", "n": 10**9}, HistoryQuery(n=HISTORY_LIMIT)),
        (
            {"hist_access_type": "range", "session": 0, "start": 2, "stop": 5, "output": True},
            HistoryQuery(access="range", n=HISTORY_LIMIT, start=2, stop=5, output=True),
        ),
        (
            {"hist_access_type": "search", "pattern": "a*", "n": 3, "unique": True},
            HistoryQuery(access="search", n=3, pattern="a*", unique=True),
        ),
    ],
    ids=["tail", "all", "many", "range", "search"],
)
def test_the_history_is_asked_for_in_three_ways(content: dict[str, Any], query: HistoryQuery) -> None:
    assert parse_history(content) == query


def test_the_history_of_other_sessions_is_not_there() -> None:
    assert parse_history({"hist_access_type": "range", "session": -1, "start": 1}) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"hist_access_type": "all"}, r"content\.hist_access_type must be one of"),
        ({"n": "x"}, r"content\.n must be a whole number"),
        ({"pattern": 1}, r"content\.pattern must be a string"),
        ({"pattern": "x" * 1001}, r"content\.pattern must be at most"),
    ],
)
def test_a_wrong_question_about_the_history_is_named(content: dict[str, Any], said: str) -> None:
    with pytest.raises((MalformedRequest, InvalidRequest), match=said):
        parse_history(content)


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("comm_open", ToComm(action="open", comm_id="c", target="t")),
        ("comm_msg", ToComm(action="message", comm_id="c", target="t")),
        ("comm_close", ToComm(action="close", comm_id="c", target="t")),
    ],
)
def test_a_message_to_a_comm_is_an_execution(kind: str, to: ToComm) -> None:
    content = {"comm_id": "c", "target_name": "t", "data": {"a": "é"}}
    asked = parse_comm(to_comm(kind, content), "k", origin="me")
    assert (asked.comm, asked.timeout_s, asked.origin, asked.counts) == (to, None, "me", False)
    assert asked.message_id == "m", "an Output of ipywidgets shows what refers to it"
    assert json.loads(asked.code) == {"data": {"a": "é"}, "metadata": {"m": 1}, "buffers": ["AP8="]}


@pytest.mark.parametrize("content", [{}, {"comm_id": ""}, {"comm_id": "c" * 1001}, {"comm_id": "c", "target_name": 1}])
def test_a_comm_needs_a_name(content: dict[str, Any]) -> None:
    with pytest.raises((MalformedRequest, InvalidRequest), match=r"content\.(comm_id|target_name)"):
        parse_comm(to_comm("comm_open", content), "k", origin="me")


def test_comms_are_asked_for_by_target() -> None:
    assert parse_target({}) == ""
    assert parse_target({"target_name": "t"}) == "t"
