"""Any stream of frames, in any pieces, whole or damaged: the same items whatever the pieces, and never an exception."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from attrs import frozen
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from framing import items, items_in_pieces, told
from hypothesis import example, given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from interpreterd.http.websocket.frames import CloseFrame, Item, Message, Ping, Pong, Reader, Violation

NO_LIMIT = 1 << 70
CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999)  # wsproto does not know 1014
masks = st.binary(min_size=4, max_size=4)
payloads = st.binary(max_size=20) | st.integers(120, 130).map(bytes) | st.sampled_from([b"x" * 65535, b"y" * 65536])


@frozen
class Sent:
    """A part of a stream, and what a reader has to find in it."""

    data: bytes
    found: tuple[Item, ...]


@st.composite
def messages(draw: Callable[..., object]) -> Sent:
    """Generate a message, in fragments with control frames between them."""
    is_text = draw(st.booleans())
    whole = draw(st.text(max_size=30)).encode() if is_text else draw(payloads)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    edges = [0, *cuts, len(whole)]
    data, found = b"", []
    for number, (start, end) in enumerate(pairwise(edges)):
        opcode = CONTINUATION if number else TEXT if is_text else BINARY
        data += frame(opcode, whole[start:end], fin=number == len(cuts), mask=draw(masks))
        if number != len(cuts) and draw(st.booleans()):
            between = draw(controls)
            data += between.data
            found += between.found
    return Sent(data, (*found, Message(whole, is_text)))


controls = st.builds(
    lambda kind, payload, mask: Sent(
        frame(kind, payload, mask=mask), (Ping(payload) if kind == PING else Pong(payload),)
    ),
    st.sampled_from([PING, PONG]),
    st.binary(max_size=125),
    masks,
)
closes = st.builds(
    lambda code, reason, mask: Sent(
        frame(CLOSE, code.to_bytes(2) + reason.encode(), mask=mask), (CloseFrame(code, reason),)
    ),
    st.sampled_from(CODES),
    st.text(max_size=30),
    masks,
)
streams = st.builds(
    lambda parts, end: Sent(
        b"".join(part.data for part in (*parts, *end)), tuple(it for part in (*parts, *end) for it in part.found)
    ),
    st.lists(messages() | controls, max_size=5),
    st.lists(closes, max_size=1),
)


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """Return ``data`` in pieces; a place beyond its end counts from its beginning again."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return (data[start:end] for start, end in pairwise(edges))


@given(streams, st.lists(st.integers(0, 1 << 17), max_size=20))
def test_whatever_the_pieces_the_items_are_the_same(sent: Sent, places: list[int]) -> None:
    assert items_in_pieces(cut(sent.data, places)) == list(sent.found)


changes = st.lists(
    st.tuples(
        st.integers(0, 1 << 17),
        st.sampled_from(["flip", "replace", "drop", "insert", "repeat", "end"]),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=5,
)


def changed(data: bytes, made: list[tuple[int, str, bytes]]) -> bytes:
    """Return ``data`` after damage. Most of it hits one of the first bytes, where the heads of frames are."""
    for place, how, junk in made:
        at = place % min(len(data) + 1, 40)
        size = len(junk)
        match how:
            case "flip":
                data = data[:at] + bytes(byte ^ 1 << (junk[0] & 7) for byte in data[at : at + 1]) + data[at + 1 :]
            case "replace":
                data = data[:at] + junk + data[at + size :]
            case "drop":
                data = data[:at] + data[at + size :]
            case "insert":
                data = data[:at] + junk + data[at:]
            case "repeat":
                data = data[:at] + data[at : at + size] * 3 + data[at + size :]
            case _:
                data = data[: place % (len(data) + 1)]
    return data


def judged_by_wsproto(data: bytes) -> list[Item | int]:
    """Return what another reader finds; it has no limits."""
    protocol = FrameProtocol(client=False, extensions=[])
    protocol.receive_bytes(data)
    found: list[Item | int] = []
    pieces: list[bytes] = []
    try:
        for seen in protocol.received_frames():
            if seen.opcode in (Opcode.TEXT, Opcode.BINARY):
                pieces.append(seen.payload.encode() if isinstance(seen.payload, str) else bytes(seen.payload))
                if seen.message_finished:
                    found.append(Message(b"".join(pieces), seen.opcode is Opcode.TEXT))
                    pieces.clear()
            elif seen.opcode is Opcode.CLOSE:
                code, reason = seen.payload
                found.append(CloseFrame(None if code == 1005 else int(code), reason))
            else:
                found.append((Ping if seen.opcode is Opcode.PING else Pong)(bytes(seen.payload)))
    except ParseFailed as failed:
        found.append(int(failed.code))
    return found


def rejected_later(data: bytes) -> bool:
    """Return whether wsproto rejects the last frame of ``data``, which is cut in its head, once the head is whole."""
    protocol = FrameProtocol(client=False, extensions=[])
    protocol.receive_bytes(data + bytes(12))
    try:
        list(protocol.received_frames())
    except ParseFailed:
        return True
    return False


@given(streams, changes, st.lists(st.integers(0, 1 << 17), max_size=20))
@example(Sent(frame(CLOSE, (1014).to_bytes(2)), (CloseFrame(1014),)), [(0, "insert", b"\x8a\x80\0\0\0\0")], [3])
def test_a_damaged_stream_is_judged_as_another_reader_judges_it(
    sent: Sent, made: list[tuple[int, str, bytes]], places: list[int]
) -> None:
    data = changed(sent.data, made)
    found = items_in_pieces([data], NO_LIMIT)
    assert items_in_pieces(cut(data, places), NO_LIMIT) == found
    ends = [place for place, item in enumerate(found) if isinstance(item, CloseFrame | Violation)]
    assert ends in ([], [len(found) - 1])
    other = judged_by_wsproto(data)
    if told(found) != other:
        if isinstance(found[-1], CloseFrame) and found[-1].code == 1014:
            assert other == [*found[:-1], 1002]
        else:  # this reader looks at the first two bytes of a head, wsproto at the whole of it
            assert told(found) == [*other, 1002]
            assert rejected_later(data)


@given(st.binary(max_size=100), st.lists(st.integers(0, 100), max_size=20))
def test_any_bytes_are_items_or_one_violation(data: bytes, places: list[int]) -> None:
    reader = Reader(1000)
    found = [item for piece in cut(data, places) for item in items(piece, reader)]
    assert [item for item in found[:-1] if isinstance(item, CloseFrame | Violation)] == []
    assert reader.kept_bytes <= len(data)
    assert found == items(data, Reader(1000))


def test_the_other_reader_is_one_that_judges() -> None:
    assert judged_by_wsproto(frame(TEXT, b"a") + frame(TEXT, b"\xff")) == [Message(b"a"), 1007]
    assert judged_by_wsproto(frame(TEXT, b"a", masked=False)) == [1002]
