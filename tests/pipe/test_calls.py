"""Messages of host functions: what a worker may say, and how long answers are written."""

import json

import pytest

from interpreterd.model.displays import Json
from interpreterd.model.errors import ProtocolError
from interpreterd.model.functions import HostFunction
from interpreterd.pipe.calls import Called, Dropped, Return, declared
from interpreterd.pipe.encoders import PIECE_CHARS, encode, encode_in_pieces
from interpreterd.pipe.messages import decode_line

CALL = {"type": "called", "id": "e", "number": 1, "name": "f", "args": [], "kwargs": {}}
DROP = {"type": "dropped", "id": "e", "number": 1}


def line(message: object) -> bytes:
    return json.dumps(message).encode()


def test_arguments_stay_json() -> None:
    args = [1, "ü", None, [1.5, {"a": True}]]
    assert decode_line(line({**CALL, "args": args})) == Called(
        execution_id="e", number=1, name="f", args=Json('[1,"ü",null,[1.5,{"a":true}]]'), kwargs=Json("{}")
    )
    assert decode_line(line(DROP)) == Dropped(execution_id="e", number=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {**CALL, "id": 1},
        {**CALL, "number": True},
        {**CALL, "number": -1},
        {**CALL, "number": 2**53},
        {**CALL, "name": None},
        {**CALL, "args": {}},
        {**CALL, "args": None},
        {**CALL, "kwargs": []},
        {key: value for key, value in CALL.items() if key != "args"},
        {**DROP, "number": "1"},
        {**DROP, "id": None},
    ],
)
def test_anything_else_breaks_the_protocol(wrong: object) -> None:
    with pytest.raises(ProtocolError):
        decode_line(line(wrong))


def test_depth_and_elements_are_bounded() -> None:
    deep = b"[" * 300 + b"]" * 300
    with pytest.raises(ProtocolError, match="called"):
        decode_line(b'{"type":"called","id":"e","number":1,"name":"f","args":[%b],"kwargs":{}}' % deep)
    many = b"[" + b"[]," * 200_000 + b"[]]"
    with pytest.raises(ProtocolError, match="called has too many elements"):
        decode_line(b'{"type":"called","id":"e","number":1,"name":"f","args":%b,"kwargs":{}}' % many)
    text = "x" * 1_000_000
    called = decode_line(line({**CALL, "args": [text]}))
    assert isinstance(called, Called)
    assert len(called.args.text) == 1_000_004


@pytest.mark.parametrize("text", ["x" * 300_000, "ü😀" * 100_000, ""])
def test_a_long_answer_is_written_in_pieces(text: str) -> None:
    message = Return(number=3, value=Json(json.dumps([text], ensure_ascii=False)))
    pieces = list(encode_in_pieces(message))
    assert json.loads(b"".join(pieces)) == json.loads(encode(message))
    assert json.loads(encode(message)) == {"type": "returned", "number": 3, "value": [text]}
    assert max(map(len, pieces)) <= 4 * PIECE_CHARS
    assert b"".join(pieces).endswith(b"}\n")
    assert b"".join(pieces).count(b"\n") == 1


def test_functions_are_declared_whole() -> None:
    function = HostFunction(name="f", is_async=True, signature="(x)", doc="d")
    assert declared((function,)) == [{"name": "f", "async": True, "signature": "(x)", "doc": "d"}]
