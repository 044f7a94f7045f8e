"""Large JSON is decoded in pieces, so that other clients go on, and gives the same value as in one piece."""

import asyncio
import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interpreterd.http import decoding
from interpreterd.http.decoding import SMALL_BYTES, decode_any_size, decode_large
from interpreterd.http.fields import decode_json
from interpreterd.model.errors import BodyTooLarge, MalformedRequest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["code", "text", "a", ""]), inner),
    max_leaves=10,
)
SPACE = st.sampled_from(["", " ", "\n\t"])


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["code", "text", "a", '"', "ü", "\\"]), VALUES | st.text()),
    st.booleans(),
    st.sampled_from([None, 1, "\t"]),
    st.integers(1, 40),
)
def test_it_is_the_same_value(value: object, is_ascii: bool, indent: Any, piece: int) -> None:
    data = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_PIECE_BYTES", piece + 11)  # at least 12: the length of an escaped pair of surrogates
        assert decode_large(data, "it") == value


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode) | st.text(alphabet='{}[]:,"\\ud8code0').map(str.encode))
@example(b"[" * 200_000)
@example(b'{"code":' * 2_000)
@example(b'{"code":"' + b"\\" * 99_999)
@example(b'{"code":"\\ud83d')
@example(b'{"code":"\\ud83d"}')
@example(b'{"code":"\\ude00"}')
@example(b'{"code":"a","code":"b"}')
@example(b'{"code":"a","code":1}')
@example(b'{"code":"a","\\u0063ode":"b"}')
@example(b'{"code":"\xff"}')
@example(b'{"code":"\xf0\x9f"}')
@example(b'{"code":"a\nb"}')
@example(b'{"code"::"a"}')
@example(b'{"code":"a"]')
@example(b'}{"code":"a"}')
@example(b'["code":"a"]')
@example(b'{"a":"code":"a"}')
@example(b'"code":"a"')
def test_any_bytes_give_the_same_value_or_error_as_in_one_piece(data: bytes) -> None:
    try:
        whole = decode_json(data, "it")
    except MalformedRequest:
        with pytest.raises(MalformedRequest):
            decode_large(data, "it")
    else:
        assert decode_large(data, "it") == whole


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "\n" * 500_000,
        '"\\' * 400_000,
        "ü" * 500_000,
        "😀" * 300_000,
        "😀" + "x" * 1_000_000,
        "a\u2028😀\x00" * 90_000,
    ],
    ids=["ascii", "newlines", "escapes", "two bytes", "four bytes", "one wide", "mixed"],
)
@pytest.mark.parametrize("is_ascii", [False, True])
async def test_long_code_comes_whole(text: str, is_ascii: bool) -> None:
    message = {"code": text, "timeout": 5, "text": text[::-1], "a": {"code": "short"}}
    assert await decode_any_size(json.dumps(message, ensure_ascii=is_ascii).encode(), "it") == message


LARGE = {
    "unknown keys": b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}",
    "tiny values": b'{"code":"x","a":[' + b"0," * 1_000_000 + b"0]}",
    "lists": b'{"code":"x","a":[' + b"[]," * 400_000 + b"0]}",
    "a long string": b'{"code":"x","a":"' + b"x" * 300_000 + b'"}',
    "a long key": b'{"code":"x","' + b"x" * 300_000 + b'":1}',
    "code further in": b'{"a":{"code":"' + b"x" * 300_000 + b'"}}',
    "code in a list": b'["code","' + b"x" * 300_000 + b'"]',
    "code's key escaped": b'{"\\u0063ode":"' + b"x" * 300_000 + b'"}',
    "many codes": b"{" + b",".join([b'"code":"x"'] * 100_000) + b"}",
    "spaces": b" " * 300_000,
    "spaces at the end": b'{"code":"x"}' + b" " * 300_000,
    "nesting": b"[" * 300_000,
    "no quote": b"x" * 300_000,
}


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
async def test_what_is_not_code_must_be_small(data: bytes) -> None:
    assert len(data) > SMALL_BYTES
    with pytest.raises((BodyTooLarge, MalformedRequest)) as caught:
        await decode_any_size(data, "it")
    if data.startswith(b"{"):
        assert str(caught.value) == "it without its code and text is larger than the limit of 262144 bytes"


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_never_decoded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    class Watched:
        JSONDecodeError = orjson.JSONDecodeError

        @staticmethod
        def loads(data: bytes) -> object:
            sizes.append(len(data))
            return orjson.loads(data)

    monkeypatch.setattr(decoding, "orjson", Watched)
    monkeypatch.setattr("interpreterd.http.fields.orjson", Watched)
    with pytest.raises((BodyTooLarge, MalformedRequest)):
        decode_large(data, "it")
    assert max(sizes, default=0) <= SMALL_BYTES + 2


async def test_the_loop_goes_on_meanwhile() -> None:
    """The event loop runs many times while a large message is decoded."""
    data = json.dumps({"code": "\n\"'" * 500_000}).encode()
    turns = 0
    decoding = asyncio.ensure_future(decode_any_size(data, "it"))
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        while not decoding.done():
            await asyncio.sleep(0)
            turns += 1
    finally:
        sys.setswitchinterval(before)
    assert turns > 10
    assert await decoding == json.loads(data)


async def test_long_texts_of_an_object_within_are_taken_out_if_asked_for() -> None:
    value = {"content": {"code": "é" * SMALL_BYTES, "text": "x"}, "code": "y" * SMALL_BYTES}
    data = orjson.dumps(value)
    assert await decode_any_size(data, "it", depth=2) == value
    with pytest.raises(BodyTooLarge):
        await decode_any_size(data, "it")
