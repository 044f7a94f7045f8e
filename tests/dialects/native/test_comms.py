"""A message for a comm is read, or refused by the name of its key; the query of a history, too."""

import json
from typing import Any

import pytest

from interpreterd.dialects.native.comms import names_comm, parse_comm
from interpreterd.model.comms import ToComm
from interpreterd.model.errors import InvalidRequest, MalformedRequest


def test_a_message_has_its_data_its_buffers_and_its_client() -> None:
    message = {
        "contextId": "c",
        "timeout": 5,
        "origin": "ada",
        "messageId": "m",
        "action": "open",
        "commId": "id",
        "target": "t",
        "data": [1, {"a": None}],
        "metadata": {"v": 2},
        "buffers": ["AAE=", ""],
        "later": 1,
    }
    asked = parse_comm(message)
    assert asked.comm == ToComm(action="open", comm_id="id", target="t")
    assert (asked.context_id, asked.timeout_s, asked.origin, asked.message_id) == ("c", 5, "ada", "m")
    assert json.loads(asked.code) == {"data": [1, {"a": None}], "metadata": {"v": 2}, "buffers": ["AAE=", ""]}
    assert not asked.counts


def test_most_of_it_may_be_left_out() -> None:
    asked = parse_comm({"commId": "id"})
    assert asked.comm == ToComm(action="message", comm_id="id")
    assert json.loads(asked.code) == {"data": {}, "metadata": {}, "buffers": []}


def deep(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"commId": 1}, "commId"),
        ({"metadata": []}, "metadata"),
        ({"buffers": "AAE="}, "buffers"),
        ({"buffers": [1]}, "buffers"),
        ({"timeout": "1"}, "timeout"),
        ({"action": 1}, "action"),
    ],
)
def test_a_wrong_type_is_named(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedRequest, match=named):
        parse_comm({"commId": "c", **keys})


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"commId": ""}, "commId"),
        ({"commId": "c" * 1001}, "commId"),
        ({"target": "t" * 1001}, "target"),
        ({"contextId": "c" * 1001}, "contextId"),
        ({"origin": "o" * 257}, "origin"),
        ({"messageId": "m" * 257}, "messageId"),
        ({"action": "shout"}, "action"),
        ({"timeout": -1}, "timeout"),
        ({"buffers": ["AAE"]}, "buffers"),
        ({"buffers": ["é"]}, "buffers"),
        ({"buffers": [""] * 1025}, "buffers"),
        ({"data": "x" * (17 << 20)}, "data"),
        ({"data": deep(400)}, "data"),
    ],
)
def test_an_impossible_value_is_named(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        parse_comm({"commId": "c", **keys})


def test_a_long_message_is_known_by_its_first_or_last_kibibyte() -> None:
    data = b'{"op":"comm","data":"%b"%b}'
    assert names_comm(data % (b"x" * 2000, b',"commId":"c"'))
    assert names_comm(b'{"commId":"c","data":"%b"}' % (b"x" * 2000))
    assert not names_comm(data % (b"x" * 2000, b""))
