"""The forms of messages on a connection: JSON, JSON with buffers, and v1."""

import contextlib
import json
import struct

import hypothesis.strategies as st
import pytest
from hypothesis import given
from kernels import packed, request, unpacked

from interpreterd.dialects.jupyter.messages import Author, Outgoing
from interpreterd.dialects.jupyter.wire import BINARY_PARTS_LIMIT, V1, JsonWire, V1Wire, wire_of
from interpreterd.http.websocket.frames import BINARY, TEXT, Message
from interpreterd.model.errors import BodyTooLarge, MalformedRequest

OUT = Outgoing("iopub", "comm_msg", b'{"msg_id":"p"}', b'{"a":1}', b'{"m":2}', (b"one", b"", b"three"))


def legacy(*parts: bytes) -> bytes:
    """Return a binary message of the old form."""
    offsets = [4 * (len(parts) + 1)]
    for part in parts[:-1]:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f">{len(parts) + 1}I", len(parts), *offsets) + b"".join(parts)


def test_json_has_all_keys_always() -> None:
    opcode, data = JsonWire().encode(Author(), Outgoing("shell", "x_reply", b'{"msg_id":"p"}', b'{"a":1}'))
    message = json.loads(data)
    header = message.pop("header")
    assert opcode == TEXT
    assert message == {
        "msg_id": header["msg_id"],
        "msg_type": "x_reply",
        "parent_header": {"msg_id": "p"},
        "metadata": {},
        "content": {"a": 1},
        "buffers": [],
        "channel": "shell",
    }


def test_buffers_make_json_binary() -> None:
    opcode, data = JsonWire().encode(Author(), OUT)
    (count,) = struct.unpack_from(">I", data)
    starts = struct.unpack_from(f">{count}I", data, 4)
    parts = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    assert (opcode, count) == (BINARY, 4)
    assert json.loads(parts[0])["content"] == {"a": 1}
    assert parts[1:] == [b"one", b"", b"three"]


def test_v1_has_offsets_of_all_parts() -> None:
    opcode, data = V1Wire().encode(Author(), OUT)
    count, first = struct.unpack_from("<2Q", data)
    message = unpacked(data)
    assert (opcode, count, first) == (BINARY, 9, 80)
    assert (message["channel"], message["msg_type"]) == ("iopub", "comm_msg")
    assert message["parent_header"] == {"msg_id": "p"}
    assert (message["content"], message["metadata"]) == ({"a": 1}, {"m": 2})
    assert message["buffers"] == [b"one", b"", b"three"]


async def test_each_form_is_read() -> None:
    asked = request("comm_msg", {"data": "é"})
    text = json.dumps(asked).encode()
    assert await JsonWire().decode(Message(text)) == (asked, ())
    assert await JsonWire().decode(Message(legacy(text, b"one", b"two"), False)) == (asked, [b"one", b"two"])
    assert await V1Wire().decode(Message(packed(asked, [b"one"]), False)) == (asked, [b"one"])
    assert isinstance(wire_of(None), JsonWire)
    assert isinstance(wire_of(V1.encode()), V1Wire)


async def test_long_code_is_read_in_each_form() -> None:
    asked = request("execute_request", {"code": "é" * 500_000, "silent": False})
    assert await JsonWire().decode(Message(json.dumps(asked).encode())) == (asked, ())
    assert await V1Wire().decode(Message(packed(asked), False)) == (asked, [])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0\1",
        b"\0\0\0\1\0\0\0\7{}",
        b"\0\0\0\1\0\0\0\xff{}",
        struct.pack(">I", BINARY_PARTS_LIMIT + 100) + bytes(8000),
        legacy(b"{}", b"x")[:4] + struct.pack(">2I", 14, 12) + b"{}x",
        legacy(b"not json"),
    ],
)
async def test_broken_binary_json_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        await JsonWire().decode(Message(data, False))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<2Q", 1, 16),
        struct.pack("<Q", 1 << 63),
        struct.pack("<7Q", 6, *[56] * 6),
        struct.pack("<7Q", 6, 56, 61, 61, 61, 61, 99) + b"shell",
        packed(request("x"))[:-1],
        packed({**request("x"), "content": 1}).replace(b"shell", b"\xff\xff\xff\xff\xff"),
    ],
)
async def test_broken_v1_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        await V1Wire().decode(Message(data, False))


async def test_v1_is_binary_always() -> None:
    with pytest.raises(MalformedRequest, match="binary"):
        await V1Wire().decode(Message(b"{}"))


async def test_much_that_is_not_code_is_refused() -> None:
    asked = request("x", {"other": "x" * 300_000})
    with pytest.raises(BodyTooLarge, match="without its code"):
        await JsonWire().decode(Message(json.dumps(asked).encode()))


@given(st.binary(max_size=80))
async def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for wire in (JsonWire(), V1Wire()):
        with contextlib.suppress(MalformedRequest):
            await wire.decode(Message(data, False))
