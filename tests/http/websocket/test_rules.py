"""The frames of RFC 6455, sections 5 and 7: each rule has a stream that keeps it and a stream that breaks it."""

import struct
from itertools import pairwise

import pytest
from frame_rules import BROKEN, KEPT, SNOW
from frames import BINARY, CONTINUATION, PING, TEXT, frame
from framing import LIMIT_BYTES, close, fragments, items, items_in_pieces, octets, text, told

from interpreterd.http.closing import Closing
from interpreterd.http.websocket import frames
from interpreterd.http.websocket.frames import CloseFrame, Message, Part, Ping, Reader, Violation, close_frame

AFTER = text(b"after")


@pytest.mark.parametrize(("stream", "expected"), KEPT.values(), ids=KEPT)
def test_what_keeps_a_rule_is_taken_and_so_is_what_follows(stream: bytes, expected: list[frames.Item]) -> None:
    assert items(stream) == expected
    assert items(stream + AFTER)[len(expected) :] == (
        [] if isinstance(expected[-1], CloseFrame) else [Message(b"after")]
    )
    if len(stream) < 1000:
        assert items_in_pieces(octets(stream)) == expected


@pytest.mark.parametrize(("stream", "code", "words"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_a_rule_is_named_and_is_the_last(stream: bytes, code: int, words: str) -> None:
    reader = Reader(LIMIT_BYTES)
    found = items(text(b"before") + stream + AFTER, reader)
    assert told(found) == [Message(b"before"), code]
    assert isinstance(found[1], Violation)
    assert words in found[1].closing.reason.decode()
    assert len(found[1].closing.reason) <= 123
    assert items(AFTER, reader) == []
    assert (reader.kept_bytes, reader.take()) == (0, None)
    if len(stream) < 1000:
        assert items_in_pieces(octets(text(b"before") + stream + AFTER)) == found


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_a_close_code_that_may_be_sent_is_taken(code: int) -> None:
    assert items(close(code, b"why")) == [CloseFrame(code, "why")]


def test_nothing_after_a_close_is_read() -> None:
    reader = Reader(LIMIT_BYTES)
    assert items(close(1000) + AFTER + frame(3), reader) == [CloseFrame(1000)]
    assert items(AFTER, reader) == []
    assert reader.kept_bytes == 0


@pytest.mark.parametrize("cuts", [(), (1,), (1, LIMIT_BYTES)])
def test_a_message_at_the_limit_is_taken_and_each_message_has_its_own(cuts: tuple[int, ...]) -> None:
    whole = b"x" * LIMIT_BYTES
    edges = [0, *cuts, LIMIT_BYTES]
    stream = fragments(BINARY, *(whole[start:end] for start, end in pairwise(edges)))
    ping = frame(PING, b"p" * 125)
    assert items((ping + stream) * 3) == [Ping(b"p" * 125), Message(whole, False)] * 3


def test_a_message_beyond_the_limit_is_refused_before_it_arrives() -> None:
    assert told(items(frame(TEXT, claims=LIMIT_BYTES + 1))) == [1009]
    head = frame(CONTINUATION, claims=2, fin=False)
    assert told(items(frame(BINARY, b"x" * (LIMIT_BYTES - 1), fin=False) + head)) == [1009]


def test_a_message_may_have_many_frames_but_not_endlessly_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAMES_LIMIT", 5)
    full = [b"", b"a", b"", b"", b"b"]
    assert items(text(*full) + text(*full)) == [Message(b"ab"), Message(b"ab")]
    assert told(items(text(*full, b""))) == [1009]
    assert told(items(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 5)) == [1009]
    pings = frame(TEXT, fin=False) + frame(PING) * 10 + frame(CONTINUATION, b"a")
    assert told(items(pings)) == [*[Ping(b"")] * 10, Message(b"a")], "control frames are no fragments"


def test_others_have_their_turn_between_many_fragments() -> None:
    reader = Reader(LIMIT_BYTES)
    reader.feed(text(*[b"a"] * (3 * frames.FRAMES_AT_ONCE)) + text(*[b"b"] * frames.FRAMES_AT_ONCE))
    taken = list(iter(reader.take, None))
    assert taken == [Part(), Part(), Message(b"a" * 3 * frames.FRAMES_AT_ONCE), Message(b"b" * frames.FRAMES_AT_ONCE)]


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xc0", b"\xed\xa0\x80", b"\xf4\x90", b"\xf5", SNOW[:1] + b"x"])
def test_text_fails_at_the_first_byte_that_cannot_be_utf8(bad: bytes) -> None:
    """RFC 6455, 8.1: neither the frame's nor the message's end is needed."""
    whole = frame(TEXT, b"x" * 50 + SNOW + bad + b"x" * 50)
    assert items(whole[: -50 - 1]) == []
    assert told(items(whole[:-50])) == [1007]
    assert told(items(frame(TEXT, SNOW, fin=False) + frame(CONTINUATION, bad, fin=False))) == [1007]


def test_what_is_kept_is_counted_and_whether_an_end_is_missing() -> None:
    reader = Reader(LIMIT_BYTES)
    assert (reader.kept_bytes, reader.waits) == (0, False)
    stream = frame(BINARY, b"x" * 1000, fin=False) + frame(PING, b"p" * 100) + frame(CONTINUATION, b"y" * 1000)
    for place, piece in enumerate(octets(stream), 1):
        items(piece, reader)
        assert (place, reader.waits) == (place, place != len(stream))
        assert 0 < reader.kept_bytes <= place or place in (6 + 2, len(stream))
    assert (reader.kept_bytes, reader.waits) == (0, False)


def test_all_that_was_fed_is_kept_until_it_is_taken() -> None:
    reader = Reader(LIMIT_BYTES)
    for number in range(100):
        reader.feed(text(b"%d" % number))
    assert list(iter(reader.take, None)) == [Message(b"%d" % number) for number in range(100)]


def test_a_message_is_not_shown_at_length() -> None:
    assert len(repr(Message(b"x" * 100_000))) < 100


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f" + struct.pack("!Q", 65536)),
    ],
)
def test_a_servers_frame_has_the_shortest_length_and_no_mask(size: int, head: bytes) -> None:
    assert frames.frame(frames.BINARY, b"x" * size) == head + b"x" * size


def test_a_servers_close_has_its_code_and_its_reason() -> None:
    assert close_frame(Closing(4001, b"why")) == b"\x88\x05\x0f\xa1why"
