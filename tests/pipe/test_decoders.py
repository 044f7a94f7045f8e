"""The pipe's decoders: any bytes in any pieces give messages, text or a ProtocolError."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interpreterd.dialects.native.events import render_v1
from interpreterd.model.displays import Json
from interpreterd.model.errors import ProtocolError
from interpreterd.model.events import EVENT_LIMIT_CHARS, Failure, Raised
from interpreterd.model.requests import Execute
from interpreterd.pipe.calls import Called, Dropped
from interpreterd.pipe.decoders import MESSAGE_LIMIT_BYTES, Decoder, TextDecoder
from interpreterd.pipe.messages import (
    SHORT_LIMIT_BYTES,
    VERSION,
    Asked,
    Configured,
    Done,
    Exiting,
    Failed,
    FromWorker,
    Moved,
    Ready,
    Run,
    Synced,
    decode_line,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
failures = st.builds(Failure, name=text, value=text, traceback=text)
messages = st.one_of(
    st.builds(Ready, pid=st.integers(0, 2**31), python=text),
    st.builds(Moved, pid=st.integers(0, 2**31), first=st.integers(0, 2**31)),
    st.builds(Configured),
    st.builds(Failed, reason=text),
    st.builds(Done, execution_id=text, error=st.none() | failures),
    st.builds(Exiting, execution_id=text),
    st.builds(Synced),
    st.builds(Dropped, execution_id=text, number=st.integers(0, 2**31)),
    st.builds(
        Called,
        execution_id=text,
        number=st.integers(0, 2**31),
        name=text,
        args=st.just(Json('[1,"ü",{"a":[null]}]')),
        kwargs=st.just(Json('{"b":true}')),
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)


def body(message: FromWorker) -> dict[str, Any]:
    match message:
        case Ready():
            told = {"type": "ready", "version": VERSION, "pid": message.pid}
            return told | {"python": message.python, "mark": message.mark}
        case Moved():
            return {"type": "moved", "pid": message.pid, "first": message.first}
        case Configured():
            return {"type": "configured"}
        case Failed():
            return {"type": "failed", "reason": message.reason}
        case Done(error=None):
            return {"type": "done", "id": message.execution_id, "error": None, "children": message.children}
        case Done(error=Failure() as error):
            shown = {"name": error.name, "value": error.value, "traceback": error.traceback}
            return {"type": "done", "id": message.execution_id, "error": shown, "children": message.children}
        case Exiting():
            return {"type": "exiting", "id": message.execution_id}
        case Synced():
            return {"type": "synced"}
        case Dropped():
            return {"type": "dropped", "id": message.execution_id, "number": message.number}
        case Called(execution_id=name, number=number):
            args, kwargs = json.loads(message.args.text), json.loads(message.kwargs.text)
            return {
                "type": "called",
                "id": name,
                "number": number,
                "name": message.name,
                "args": args,
                "kwargs": kwargs,
            }
    raise AssertionError(message)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return ``data`` in pieces, some of them empty."""
    ends = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(st.lists(messages, max_size=5), st.lists(st.integers(0)), st.booleans())
def test_any_chunking_gives_the_same_messages(said: list[FromWorker], cuts: list[int], ascii_only: bool) -> None:
    data = "".join(json.dumps(body(message), ensure_ascii=ascii_only) + "\n" for message in said).encode()
    decoder = Decoder()
    assert [message for chunk in chunks(data, cuts) for message in decoder.feed(chunk)] == said


@given(st.lists(st.binary()))
@example([b"[" * 200_000 + b"\n"])
@example([b'{"type":' * 100_000 + b"\n"])
@example([b'{"type":"done","id":"\\ud800"}\n'])
@example([b'{"type":"done","id":"\xff"}\n'])
@example([b'{"type":"failed","reason":NaN}\n'])
@example([b"\xef\xbb\xbf{}\n"])
@example([b"\n\n"])
@example([b"\0\n"])
@example([b"x" * (2 << 20)])
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(pieces: list[bytes]) -> None:
    decoder = Decoder()
    with contextlib.suppress(ProtocolError):
        for piece in pieces:
            decoder.feed(piece)


@given(
    st.dictionaries(st.sampled_from(["id", "error", "pid", "python", "reason", "version", "x"]), json_values),
    st.sampled_from(["ready", "configured", "failed", "done", "exiting", "synced", "stdout"]) | json_values,
)
def test_any_object_is_a_message_or_an_error(keys: dict[str, Any], kind: Any) -> None:
    line = json.dumps({**keys, "type": kind}).encode()
    try:
        message = decode_line(line)
    except ProtocolError:
        return
    assert body(message)["type"] == kind


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"a":' * 200_000, "not JSON"),
        (b'{"type":"exiting","id":"\\ud800"}', "not JSON"),
        (b'{"type":"exiting","id":"\xff"}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"done"', "not a JSON object"),
        (b"{}", "unknown type None"),
        (b'{"type":"execute"}', "unknown type 'execute'"),
        (b'{"type":["done"]}', "unknown type"),
        (b'{"type":{"done":1}}', "unknown type"),
        (b'{"type":"done"}', "id must be str"),
        (b'{"type":"done","id":true}', "id must be str"),
        (b'{"type":"done","id":null}', "id must be str"),
        (b'{"type":"done","id":"a","error":"e"}', "error must be an object"),
        (b'{"type":"done","id":"a","error":[]}', "error must be an object"),
        (b'{"type":"done","id":"a","error":{"name":"E","value":1,"traceback":""}}', "value must be str"),
        (b'{"type":"done","id":"a","error":{"name":"E","value":""}}', "traceback must be str"),
        (b'{"type":"exiting","id":1}', "id must be str"),
        (b'{"type":"failed"}', "reason must be str"),
        (b'{"type":"ready","version":true,"pid":1,"python":"3.11"}', "version must be int"),
        (b'{"type":"ready","version":1,"pid":true,"python":"3.11"}', "pid must be int"),
        (b'{"type":"ready","version":1.0,"pid":1,"python":"3.11"}', "version must be int"),
        (b'{"type":"ready","version":1,"pid":1,"python":"3.11","mark":1}', "mark must be str"),
        (b'{"type":"ready","version":1,"pid":1,"python":"3.11","mark":""}', "mark must be 16 letters and digits"),
        (b'{"type":"ready","version":999,"pid":1,"python":"3.11"}', "the worker speaks version 999, the daemon 1"),
    ],
)
def test_what_is_no_message_is_told_in_words(line: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        Decoder(line_limit_bytes=2 << 20).feed(line + b"\n")


def test_a_line_at_the_limit_is_taken_and_one_beyond_is_not() -> None:
    line = json.dumps({"type": "failed", "reason": "x" * 100}).encode()
    assert Decoder(line_limit_bytes=len(line)).feed(line + b"\n") == [Failed(reason="x" * 100)]
    with pytest.raises(ProtocolError, match=f"longer than {len(line) - 1} bytes"):
        Decoder(line_limit_bytes=len(line) - 1).feed(line + b"\n")


def test_a_line_without_end_fails_before_its_end() -> None:
    decoder = Decoder(line_limit_bytes=100)
    assert decoder.feed(b" " * 100) == []
    with pytest.raises(ProtocolError, match="longer than 100 bytes"):
        decoder.feed(b" ")


def test_a_failed_decoder_stays_failed() -> None:
    decoder = Decoder()
    with pytest.raises(ProtocolError, match="not JSON"):
        decoder.feed(b"garbage\n")
    with pytest.raises(ProtocolError, match="not JSON"):
        decoder.feed(b'{"type":"synced"}\n')


def test_what_comes_before_an_error_counts() -> None:
    decoder = Decoder()
    assert decoder.feed(b'{"type":"synced"}\n{"type":"configured"}\ngarbage\n') == [Synced(), Configured()]
    with pytest.raises(ProtocolError, match="not JSON"):
        decoder.feed(b"")


@pytest.mark.parametrize("character", ["x", "\\u0001", "\\n", "é", "\\u00e9", "\U0001f600", "\x7f"])
def test_what_a_client_is_told_of_the_longest_line_stays_below_one_mib(character: str) -> None:
    head, tail = '{"type":"done","id":"a","error":{"name":"E","value":"', '","traceback":""}}'
    room = MESSAGE_LIMIT_BYTES - len(head) - len(tail)
    line = (head + character * (room // len(character.encode())) + tail).encode()
    (message,) = Decoder().feed(line + b"\n")
    assert isinstance(message, Done)
    assert message.error is not None
    shown = render_v1(Raised(error=message.error))
    assert shown is not None
    assert len(shown) < 1 << 20


def test_code_and_errors_stay_out_of_logs() -> None:
    shown = repr(Run("a", Execute(code="secret", envs={"KEY": "secret"})))
    assert "secret" not in shown
    assert "secret" not in repr(Done(execution_id="a", error=Failure(name="E", value="secret", traceback="secret")))


# Output

utf8_ish = st.lists(
    st.binary(max_size=6)
    | st.text(max_size=4).map(lambda part: part.encode("utf-8", "surrogatepass"))
    | st.sampled_from(
        [b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc3", b"\x80", b"\xf4\x90", b"\xff", b"\xef\xbf\xbd"]
    )
).map(b"".join)


@given(utf8_ish, st.lists(st.integers(0)))
@example("😀é".encode(), list(range(7)))
@example(b"\xf0\x9f\x98", [1, 2])
@example(b"\xe2\x82A", [1, 2])
@example(b"\xef\xbf\xbd\xef\xbf\xef\xbf\xbd\xf0\xef\xbf\xbd", [1, 4, 8])
def test_any_chunking_gives_the_same_text(data: bytes, cuts: list[int]) -> None:
    decoder = TextDecoder()
    pieces = [piece for chunk in chunks(data, cuts) for piece in decoder.feed(chunk)] + decoder.end()
    assert "".join(text for text, _ in pieces) == data.decode("utf-8", "replace")
    assert all(text and 0 <= replaced <= text.count("\ufffd") for text, replaced in pieces)
    # ``replaced`` counts invalid bytes only. U+FFFD that the data itself contains is not counted.
    whole = data.decode("utf-8", "replace").count("\ufffd")
    own = data.decode("utf-8", "ignore").count("\ufffd")
    assert sum(replaced for _, replaced in pieces) == whole - own


def test_a_character_is_never_cut() -> None:
    decoder = TextDecoder()
    assert decoder.feed("é".encode()[:1]) == []
    assert decoder.feed("é".encode()[1:]) == [("é", 0)]


def test_the_end_of_an_execution_is_the_end_of_its_characters() -> None:
    decoder = TextDecoder()
    assert decoder.feed(b"a\xf0\x9f") == [("a", 0)]
    assert decoder.end() == [("\ufffd", 1)]
    assert decoder.end() == []
    assert decoder.feed(b"b") == [("b", 0)]


@pytest.mark.parametrize("data", [b"x", "😀".encode(), b"\xff", b"\xe2\x82"])
def test_long_output_comes_in_pieces(data: bytes) -> None:
    data *= 2 * EVENT_LIMIT_CHARS
    decoder = TextDecoder()
    pieces = decoder.feed(data) + decoder.end()
    assert "".join(text for text, _ in pieces) == data.decode("utf-8", "replace")
    assert all(len(text) <= EVENT_LIMIT_CHARS for text, _ in pieces)
    assert all(replaced == text.count("\ufffd") for text, replaced in pieces)


@pytest.mark.parametrize("kind", ["asked", "synced", "configured", "exiting", "forked", "dropped"])
def test_what_may_come_often_is_short(kind: str) -> None:
    """A long line may be slow to decode: half a million numbers take twenty milliseconds."""
    keys = {"id": "e", "number": 1, "prompt": "", "password": False, "pid": 1}
    line = json.dumps({"type": kind, **keys, "junk": "x" * SHORT_LIMIT_BYTES}).encode()
    with pytest.raises(ProtocolError, match=f"{kind} is longer than {SHORT_LIMIT_BYTES} bytes"):
        decode_line(line)
    decode_line(json.dumps({"type": kind, **keys}).encode())


def test_the_longest_prompt_is_short_enough() -> None:
    prompt = "\U0001f600" * 16384 + "…" * 100
    line = json.dumps({"type": "asked", "id": "e" * 36, "number": 1, "prompt": prompt, "password": False}).encode()
    assert len(line) > 190 << 10
    assert decode_line(line) == Asked(execution_id="e" * 36, number=1, prompt=prompt, password=False)
