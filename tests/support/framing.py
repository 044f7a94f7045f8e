"""A reader of frames is fed, and says what it found."""

from collections.abc import Iterable

from frames import CLOSE, CONTINUATION, TEXT, frame

from interpreterd.http.websocket.frames import Item, Part, Reader, Violation

LIMIT_BYTES = 1 << 20


def items(data: bytes, reader: Reader | None = None) -> list[Item]:
    """Return what ``reader``, by default a new one, finds when it is fed ``data``."""
    reader = Reader(LIMIT_BYTES) if reader is None else reader
    reader.feed(data)
    return [item for item in iter(reader.take, None) if not isinstance(item, Part)]


def items_in_pieces(pieces: Iterable[bytes], limit_bytes: int = LIMIT_BYTES) -> list[Item]:
    """Return what a new reader finds when it is fed one piece after the other."""
    reader = Reader(limit_bytes)
    return [item for piece in pieces for item in items(piece, reader)]


def octets(data: bytes) -> list[bytes]:
    """Return ``data`` in pieces of one byte."""
    return [data[place : place + 1] for place in range(len(data))]


def code_of(item: Item) -> int | Item:
    """Return the close code of a violation, and any other item as it is."""
    return item.closing.code if isinstance(item, Violation) else item


def told(found: Iterable[Item]) -> list[int | Item]:
    """Return items, with the close code in the place of a violation."""
    return [code_of(item) for item in found]


def fragments(opcode: int, *payloads: bytes) -> bytes:
    """Return a message in as many frames."""
    last = len(payloads) - 1
    return b"".join(
        frame(CONTINUATION if place else opcode, payload, fin=place == last) for place, payload in enumerate(payloads)
    )


def text(*payloads: bytes) -> bytes:
    """Return a text in as many frames."""
    return fragments(TEXT, *payloads)


def close(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return frame(CLOSE, code.to_bytes(2) + reason)
