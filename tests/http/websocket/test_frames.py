"""Frames without I/O: bytes in, messages out."""

from frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame

from interpreterd.http.closing import MESSAGE_TOO_BIG, PROTOCOL_ERROR
from interpreterd.http.websocket import frames
from interpreterd.http.websocket.frames import CloseFrame, Item, Message, Ping, Reader, Violation


def _items(data: bytes, *, step: int = 1 << 20, limit_bytes: int = 1 << 20) -> list[Item]:
    reader = Reader(limit_bytes)
    items = []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        while (item := reader.take()) is not None:
            items.append(item)
    return items


def test_a_control_frame_comes_between_the_frames_of_a_message_however_the_bytes_are_cut():
    text = "é" * 1000
    data = (
        frame(TEXT, text.encode()[:501], fin=False)
        + frame(PING, b"there?")
        + frame(CONTINUATION, text.encode()[501:])
        + frame(BINARY, b"")
        + frame(CLOSE, b"\x03\xe8bye")
        + frame(TEXT, b"too late")
    )
    expected = [Ping(b"there?"), Message(text.encode()), Message(b"", is_text=False), CloseFrame(1000, "bye")]
    for step in (1, 2, 7, 500, len(data)):
        assert _items(data, step=step) == expected


def test_a_violation_is_the_last_item():
    *before, last = _items(frame(TEXT, b"well") + frame(TEXT, b"bare", masked=False) + frame(TEXT, b"more"))
    assert before == [Message(b"well")]
    assert isinstance(last, Violation)
    assert last.closing.code == PROTOCOL_ERROR


def test_a_message_beyond_its_limit_is_refused_by_its_head():
    (refused,) = _items(frame(TEXT, claims=101), limit_bytes=100)
    assert isinstance(refused, Violation)
    assert refused.closing.code == MESSAGE_TOO_BIG


def test_frames_of_a_server_have_the_shortest_length():
    assert frames.frame(TEXT, b"a" * 125)[:2] == b"\x81\x7d"
    assert frames.frame(TEXT, b"a" * 126)[:4] == b"\x81\x7e\x00\x7e"
    assert frames.frame(TEXT, b"a" * 65536)[:10] == b"\x81\x7f" + (65536).to_bytes(8, "big")
