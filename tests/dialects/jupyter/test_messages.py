"""Messages before they have the form of a connection."""

from datetime import datetime

import orjson

from interpreterd.dialects.jupyter.messages import (
    Author,
    answered,
    iso,
    own_parent,
    published,
    reply,
    status,
)


def test_headers_have_all_keys_and_ids_of_their_own() -> None:
    author = Author()
    first_id, first = author.header("status")
    second_id, second = author.header("stream")
    assert first_id != second_id
    header = orjson.loads(first)
    assert header.keys() == {"msg_id", "msg_type", "username", "session", "date", "version"}
    assert (header["msg_id"], header["msg_type"]) == (first_id.decode(), "status")
    assert header["session"] == orjson.loads(second)["session"]
    assert datetime.fromisoformat(header["date"]).tzinfo is not None
    assert own_parent("m", "execute_request", "s").startswith(b'{"msg_id":"m"')


def test_a_moment_has_microseconds_and_z() -> None:
    assert iso(1795694062.938) == "2026-11-26T11:54:22.938000Z"
    assert iso(0) == "1970-01-01T00:00:00.000000Z"


def test_an_answer_stands_between_busy_and_idle() -> None:
    busy, answer, idle = answered(reply("control", "interrupt_reply", {"status": "ok"}, b'{"msg_id":"m"}'))
    assert [orjson.loads(it.content) for it in (busy, idle)] == [
        {"execution_state": "busy"},
        {"execution_state": "idle"},
    ]
    assert {it.parent for it in (busy, answer, idle)} == {b'{"msg_id":"m"}'}
    assert (busy.channel, answer.channel) == ("iopub", "control")
    assert status("starting").parent == b"{}"


def test_a_message_knows_its_size() -> None:
    small = published("stream", {"text": "x"}, b"{}")
    large = published("stream", {"text": "x" * 1000}, b"{}")
    assert large.size_bytes - small.size_bytes == 999
