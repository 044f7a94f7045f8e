"""The forms of messages on a WebSocket: JSON, JSON with buffers behind it, and ``v1.kernel.websocket.jupyter.org``.

https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html. A client is untrusted: any bytes
become a message, or raise ``MalformedRequest``.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from interpreterd.dialects.jupyter.messages import Author, Outgoing
from interpreterd.http.decoding import decode_any_size
from interpreterd.http.websocket.frames import BINARY, TEXT, Message
from interpreterd.model.errors import MalformedRequest

V1: Final = "v1.kernel.websocket.jupyter.org"
BINARY_PARTS_LIMIT: Final = 1024  # of one message
_OFFSET_BYTES: Final = 8
_LEGACY_OFFSET_BYTES: Final = 4
_PARTS: Final = ("header", "parent_header", "metadata", "content")

_Order = Literal["big", "little"]
Decoded = tuple[object, Sequence[bytes]]
"""The value of a client's message, and its buffers."""


class Wire(Protocol):
    """A form of messages."""

    async def decode(self, message: Message) -> Decoded:
        """Return what a client says. Raises ``MalformedRequest``."""
        ...

    def encode(self, author: Author, message: Outgoing) -> tuple[int, bytes]:
        """Return the opcode and the payload of a message to a client."""
        ...


class JsonWire:
    """One JSON object in a text frame; in a binary frame if there are buffers."""

    async def decode(self, message: Message) -> Decoded:
        data, buffers = message.data, ()
        if not message.is_text:
            data, *parts = _legacy_parts(data)
            return await decode_any_size(data, "the message", depth=2), parts
        return await decode_any_size(data, "the message", depth=2), buffers

    def encode(self, author: Author, message: Outgoing) -> tuple[int, bytes]:
        message_id, header = author.header(message.kind)
        text = b'{"header":%b,"msg_id":"%b","msg_type":"%b","parent_header":%b,"metadata":%b,"content":%b,%b"%b"}' % (
            header,
            message_id,
            message.kind.encode(),
            message.parent,
            message.metadata,
            message.content,
            b'"buffers":[],"channel":',
            message.channel.encode(),
        )
        return (BINARY, _join_legacy([text, *message.buffers])) if message.buffers else (TEXT, text)


class V1Wire:
    """The parts of a message one after the other, in a binary frame."""

    async def decode(self, message: Message) -> Decoded:
        if message.is_text:
            raise MalformedRequest(f"a message of {V1} must be binary")
        parts = _v1_parts(message.data)
        value: dict[str, object] = {}
        try:
            value["channel"] = parts[0].decode()
        except UnicodeDecodeError:
            raise MalformedRequest("channel must be UTF-8") from None
        for name, part in zip(_PARTS, parts[1:], strict=False):
            value[name] = await decode_any_size(part, name)
        return value, parts[1 + len(_PARTS) :]

    def encode(self, author: Author, message: Outgoing) -> tuple[int, bytes]:
        _, header = author.header(message.kind)
        parts = (
            message.channel.encode(),
            header,
            message.parent,
            message.metadata,
            message.content,
            *message.buffers,
        )
        count = len(parts) + 1
        at = _OFFSET_BYTES * (count + 1)
        offsets = [at]
        for part in parts:
            at += len(part)
            offsets.append(at)
        numbers = b"".join(number.to_bytes(_OFFSET_BYTES, "little") for number in (count, *offsets))
        return BINARY, b"".join((numbers, *parts))


def wire_of(subprotocol: bytes | None) -> Wire:
    """Return the form for a connection that has agreed on ``subprotocol``."""
    return JsonWire() if subprotocol is None else V1Wire()


def _join_legacy(parts: Sequence[bytes]) -> bytes:
    at = _LEGACY_OFFSET_BYTES * (len(parts) + 1)
    numbers = [len(parts)]
    for part in parts:
        numbers.append(at)
        at += len(part)
    return b"".join((*(number.to_bytes(_LEGACY_OFFSET_BYTES, "big") for number in numbers), *parts))


def _legacy_parts(data: bytes) -> list[bytes]:
    """Return the JSON of a binary message, and its buffers."""
    count = int.from_bytes(data[:_LEGACY_OFFSET_BYTES], "big")
    starts = _offsets(data, count, _LEGACY_OFFSET_BYTES, "big")
    ends = [*starts[1:], len(data)]
    return _cut(data, starts, ends, _LEGACY_OFFSET_BYTES * (count + 1))


def _v1_parts(data: bytes) -> list[bytes]:
    """Return the channel of a message, its four parts and its buffers."""
    count = int.from_bytes(data[:_OFFSET_BYTES], "little")
    offsets = _offsets(data, count, _OFFSET_BYTES, "little")
    if count < len(_PARTS) + 2:
        raise MalformedRequest(f"a binary message must have a channel and {len(_PARTS)} parts")
    return _cut(data, offsets[:-1], offsets[1:], _OFFSET_BYTES * (count + 1))


def _offsets(data: bytes, count: int, size: int, order: "_Order") -> list[int]:
    if not 0 < count <= BINARY_PARTS_LIMIT + len(_PARTS) + 2 or len(data) < size * (count + 1):
        raise MalformedRequest(
            f"a binary message must begin with the number of its parts, at most {BINARY_PARTS_LIMIT}"
        )
    return [int.from_bytes(data[at : at + size], order) for at in range(size, size * (count + 1), size)]


def _cut(data: bytes, starts: Sequence[int], ends: Sequence[int], first: int) -> list[bytes]:
    at = first
    for start, end in zip(starts, ends, strict=True):
        if start < at or end < start or end > len(data):
            raise MalformedRequest("a binary message must have its parts in order, and within itself")
        at = end
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]
