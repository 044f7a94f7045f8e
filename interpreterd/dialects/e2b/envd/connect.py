"""The protocol Connect for RPCs, as envd's clients speak it: https://connectrpc.com/docs/protocol.

A unary RPC is a POST whose body and answer are one message. In a stream, each message is in an envelope: a byte of
flags, the length in four bytes, the message. The last envelope of an answer says how the stream ended.
"""

import asyncio
import struct
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from aiohttp import hdrs, web
from attrs import frozen
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.http.connections import waiting
from interpreterd.http.decoding import decode_any_size
from interpreterd.model.errors import BodyTooLarge, MalformedRequest
from interpreterd.model.names import JSON

END_STREAM: Final = 2
COMPRESSED: Final = 1
_LARGE_BYTES: Final = 64 << 10
_HEAD: Final = struct.Struct(">BI")
_TIMEOUT_LIMIT_CHARS: Final = 10


def _to_json(message: Message) -> bytes:
    text: str = json_format.MessageToJson(message, indent=None, ensure_ascii=False)
    return text.encode(errors="replace")


def _to_proto(message: Message) -> bytes:
    data: bytes = message.SerializeToString()
    return data


def _from_json(value: object, kind: type[Message]) -> Message:
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return json_format.ParseDict(value, kind(), ignore_unknown_fields=True)


@frozen
class Codec:
    """How messages become bytes."""

    content_type: str
    encode: Callable[[Message], bytes]

    async def read(self, data: bytes, kind: type[Message]) -> Any:
        """Return the message of ``kind`` in ``data``. Raises ``MalformedRequest``."""
        try:
            if self.encode is _to_proto:
                return kind.FromString(data)
            value = await decode_any_size(data, "the message")
            if len(data) > _LARGE_BYTES:
                return await asyncio.to_thread(_from_json, value, kind)
            return _from_json(value, kind)
        except (json_format.Error, DecodeError, ValueError, RecursionError) as error:
            name = kind.DESCRIPTOR.full_name
            raise MalformedRequest(f"the message must be a {name} as {self.content_type}: {error}") from None


_UNARY: Final = (Codec(JSON, _to_json), Codec("application/proto", _to_proto))
_STREAM: Final = (Codec("application/connect+json", _to_json), Codec("application/connect+proto", _to_proto))


def choose_codec(request: web.Request, *, stream: bool) -> Codec:
    """Return the codec that the client has chosen; raise ``HTTPUnsupportedMediaType`` if there is none."""
    codecs = _STREAM if stream else _UNARY
    for codec in codecs:
        if request.content_type == codec.content_type:
            return codec
    raise web.HTTPUnsupportedMediaType(headers={"Accept-Post": ", ".join(codec.content_type for codec in codecs)})


def check_form(request: web.Request) -> None:
    """Raise ``EnvdRefused`` for another version of Connect, or for compressed messages."""
    version = request.headers.get("Connect-Protocol-Version", "1")
    if version != "1":
        raise EnvdRefused("invalid_argument", "Connect-Protocol-Version must be 1")
    for header in (hdrs.CONTENT_ENCODING, "Connect-Content-Encoding"):
        if request.headers.get(header, "identity").strip().lower() != "identity":
            raise EnvdRefused("unimplemented", f"{header} must be identity: compressed messages are not taken")


def timeout_of(request: web.Request) -> float | None:
    """Return the seconds that the client gives to the RPC; None for no limit. Raises ``EnvdRefused``."""
    text = request.headers.get("Connect-Timeout-Ms")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _TIMEOUT_LIMIT_CHARS):
        raise EnvdRefused("invalid_argument", "Connect-Timeout-Ms must be a number of at most ten digits")
    return int(text) / 1000


def envelope(data: bytes, flags: int = 0) -> bytes:
    """Return a message of a stream."""
    return _HEAD.pack(flags, len(data)) + data


class Envelopes:
    """Takes the envelopes of a request apart, without I/O; no message may be longer than ``limit_bytes``."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the messages that are complete. Raises ``EnvdRefused``, ``BodyTooLarge``."""
        self._data += data
        found = []
        start = 0
        while len(self._data) - start >= _HEAD.size:
            flags, size = _HEAD.unpack_from(self._data, start)
            if flags & COMPRESSED:
                raise EnvdRefused("unimplemented", "the messages of the stream must not be compressed")
            if flags:
                raise EnvdRefused("invalid_argument", f"the flags of a message must be 0, not {flags}")
            if size > self._limit_bytes:
                raise BodyTooLarge(self._limit_bytes, "a message of the stream")
            if len(self._data) - start < _HEAD.size + size:
                break
            found.append(bytes(self._data[start + _HEAD.size : start + _HEAD.size + size]))
            start += _HEAD.size + size
        del self._data[:start]
        return found

    def end(self) -> None:
        """No more bytes come. Raises ``MalformedRequest`` if a message is not complete."""
        if self._data:
            raise MalformedRequest("the stream must not end within a message")


def only_message(body: bytes, limit_bytes: int) -> bytes:
    """Return the one message in the ``body`` of a request."""
    envelopes = Envelopes(limit_bytes)
    messages = envelopes.feed(body)
    envelopes.end()
    if len(messages) != 1:
        raise MalformedRequest(f"the stream must have one message, not {len(messages)}")
    return messages[0]


async def incoming(request: web.Request, limit_bytes: int) -> AsyncGenerator[bytes]:
    """Yield the messages of the client's stream as they come; the client may take its time."""
    envelopes = Envelopes(limit_bytes)
    try:
        while not request.content.at_eof():
            with waiting(request):
                data = await request.content.readany()
            for message in envelopes.feed(data):
                yield message
    except web.RequestPayloadError as error:
        raise MalformedRequest(f"the body cannot be read: {error.__cause__ or error}") from None
    envelopes.end()


async def encoded(codec: Codec, message: Message, *, large: bool = False) -> bytes:
    """Return ``message`` as bytes; a ``large`` one is encoded in a thread."""
    return await asyncio.to_thread(codec.encode, message) if large else codec.encode(message)
