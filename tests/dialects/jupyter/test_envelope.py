"""What all messages of clients have in common, and how clients differ."""

from typing import Any

import orjson
import pytest
from kernels import request

from interpreterd.dialects.jupyter.envelope import REPEATED_LIMIT_BYTES, encoded_json, parse_incoming
from interpreterd.model.errors import MalformedRequest


def test_a_message_without_a_channel_is_for_the_shell() -> None:
    for channel in (None, "shell"):
        assert parse_incoming(request("x", channel=channel)).channel == "shell"
    assert parse_incoming(request("x", channel="control")).channel == "control"


@pytest.mark.parametrize(
    ("date", "returned"),
    [
        (1795694062.938, "2026-11-26T11:54:22.938000Z"),
        (1795694062, "2026-11-26T11:54:22.000000Z"),
        ("2026-11-26T11:54:22.938Z", "2026-11-26T11:54:22.938Z"),
        (-1.0, -1.0),
        (1e300, 1e300),
        (None, None),
    ],
)
def test_the_header_is_returned_whole_with_its_date_as_text(date: Any, returned: Any) -> None:
    message = request("x")
    message["header"] |= {"date": date, "extra": [1]}
    assert orjson.loads(parse_incoming(message).header) == {**message["header"], "date": returned}


def test_optional_parts_may_be_absent_or_null() -> None:
    message = {"header": {"msg_id": "m", "msg_type": "t"}}
    for more in ({}, {"content": None, "parent_header": None, "metadata": None, "channel": None, "buffers": {}}):
        parsed = parse_incoming({**message, **more})
        assert (parsed.kind, parsed.content, parsed.parent_id) == ("t", {}, "")
    assert parse_incoming({**message, "parent_header": {"msg_id": "p"}}).parent_id == "p"
    assert parse_incoming({**message, "parent_header": {"msg_id": 7}}).parent_id == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "the message must be a JSON object"),
        ({}, r"header\.msg_type must be a string"),
        ({"header": 1}, "header must be an object"),
        ({"header": {"msg_type": "t"}}, r"header\.msg_id must be a string"),
        ({"header": {"msg_type": "t", "msg_id": ""}}, r"header\.msg_id must be a string"),
        ({"header": {"msg_type": "t", "msg_id": "m" * 257}}, r"header\.msg_id must be a string"),
        (request("x", channel="iopub"), "channel must be one of shell, control, stdin"),
        ({**request("x"), "channel": ["shell"]}, "channel must be one of"),
        ({**request("x"), "content": []}, "content must be an object"),
        ({**request("x"), "parent_header": "p"}, "parent_header must be an object"),
        ({**request("x"), "metadata": 0}, "metadata must be an object"),
    ],
)
def test_a_wrong_type_is_named(value: Any, said: str) -> None:
    with pytest.raises(MalformedRequest, match=said):
        parse_incoming(value)


def test_what_is_too_deep_to_be_repeated_is_refused() -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(MalformedRequest, match="header must not have so many"):
        parse_incoming({"header": {"msg_id": "m", "msg_type": "t", "deep": deep}})
    with pytest.raises(MalformedRequest, match="k must not have so many"):
        encoded_json(deep, "k")


def test_a_large_header_is_refused_because_it_is_repeated() -> None:
    message = request("x")
    message["header"]["more"] = "x" * REPEATED_LIMIT_BYTES
    with pytest.raises(MalformedRequest, match="header must be at most"):
        parse_incoming(message)
