"""Connect's envelopes and codecs, for any bytes."""

import contextlib
import json
from typing import Any

import pytest
from connecting import enveloped
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.dialects.e2b.envd import connect
from interpreterd.dialects.e2b.envd.connect import Codec, Envelopes, encoded, envelope, only_message
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.messages import PROCESS
from interpreterd.model.errors import BodyTooLarge, InterpreterError, MalformedRequest

JSON, PROTO = connect._UNARY
SELECTOR: type[Message] = PROCESS["ConnectRequest"]


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_messages_come_whole_however_they_are_cut(messages: list[bytes], size: int) -> None:
    data = b"".join(map(envelope, messages))
    envelopes = Envelopes(100)
    found = [it for start in range(0, len(data), size) for it in envelopes.feed(data[start : start + size])]
    envelopes.end()
    assert found == messages


@given(st.binary())
def test_any_bytes_are_messages_or_an_error(data: bytes) -> None:
    envelopes = Envelopes(10)
    with contextlib.suppress(InterpreterError):
        assert all(len(it) <= 10 for it in envelopes.feed(data))
        envelopes.end()


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"", MalformedRequest, "must have one message, not 0"),
        (enveloped(b"{}") * 2, MalformedRequest, "must have one message, not 2"),
        (enveloped(b"{}")[:-1], MalformedRequest, "must not end within a message"),
        (enveloped(b"{}", 1), EnvdRefused, "must not be compressed"),
        (enveloped(b"{}", 2), EnvdRefused, "must be 0, not 2"),
        (b"\0\xff\xff\xff\xff", BodyTooLarge, "larger than the limit of 100 bytes"),
    ],
)
def test_a_stream_has_one_message(body: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        only_message(body, 100)


async def test_both_codecs_read_what_they_write() -> None:
    message: Any = SELECTOR()
    message.process.pid = 7
    for codec in (JSON, PROTO):
        assert await codec.read(await encoded(codec, message), SELECTOR) == message
        assert await encoded(codec, message, large=True) == codec.encode(message)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"process": 1}',
        b'{"process": {"pid": -1}}',
        b'{"process": {"pid": "x"}}',
        b'{"process": {"pid": 1, "tag": "x"}}',
        b"[" * 100_000,
        b'{"process":' * 50_000,
    ],
)
async def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(InterpreterError):
        await JSON.read(data, SELECTOR)


@given(st.binary())
async def test_any_bytes_are_a_protobuf_message_or_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedRequest):
        assert (await PROTO.read(data, SELECTOR)).DESCRIPTOR.full_name == "process.ConnectRequest"


async def test_unknown_fields_are_those_of_newer_clients() -> None:
    data = json.dumps({"process": {"pid": 1, "more": [1]}, "x": {}}).encode()
    assert (await JSON.read(data, SELECTOR)).process.pid == 1


async def test_a_long_message_is_read_in_a_thread() -> None:
    data = json.dumps({"input": {"stdin": "QUJD" * 50_000}}).encode()
    assert (await JSON.read(data, PROCESS["SendInputRequest"])).input.stdin == b"ABC" * 50_000


def test_a_codec_is_a_content_type() -> None:
    assert {it.content_type for it in (*connect._UNARY, *connect._STREAM)} == {
        "application/json",
        "application/proto",
        "application/connect+json",
        "application/connect+proto",
    }
    assert isinstance(JSON, Codec)
