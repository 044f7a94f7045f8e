"""A client's message, checked: what all of Jupyter's messages have in common.

Clients differ. Those behind a gateway leave out ``channel``, which then means shell, also for their ``input_reply``. A
header's ``date`` is a text, a number of seconds or absent; ``session`` may differ from message to message.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import field, frozen

from interpreterd.dialects.jupyter.messages import CONTROL, SHELL, STDIN, iso
from interpreterd.model.errors import MalformedRequest

REPEATED_LIMIT_BYTES: Final = 8 << 10  # it is kept, and returned with each message about the request
KIND_LIMIT_CHARS: Final = 256
CHANNELS: Final = (SHELL, CONTROL, STDIN)
_LATEST: Final = 2**33  # seconds since the epoch
_Object = dict[str, Any]


@frozen
class Incoming:
    """A client's message.

    Attributes:
        kind: Its ``msg_type``.
        message_id: The client's name for it.
        header: As JSON, to be returned as ``parent_header``.
        parent_id: The ``msg_id`` of the message that it answers, or empty.
    """

    channel: str
    kind: str
    message_id: str
    header: bytes = field(repr=lambda header: f"<{len(header)} bytes>")
    parent_id: str
    content: Mapping[str, Any] = field(repr=lambda content: f"<{len(content)} keys>")
    metadata: Mapping[str, Any] = field(factory=dict, repr=False)
    buffers: Sequence[bytes] = field(default=(), repr=lambda buffers: f"<{len(buffers)} buffers>")


def parse_incoming(value: object, buffers: Sequence[bytes] = ()) -> Incoming:
    """Return a client's message; raise ``MalformedRequest``, which names the key and its type."""
    if not isinstance(value, dict):
        raise MalformedRequest("the message must be a JSON object")
    channel = value.get("channel")
    if channel is None:
        channel = SHELL
    if channel not in CHANNELS:
        raise MalformedRequest(f"channel must be one of {', '.join(CHANNELS)}")
    header = _object(value, "header")
    kind = _id(header, "msg_type")
    message_id = _id(header, "msg_id")
    parent_id = _object(value, "parent_header").get("msg_id", "")
    return Incoming(
        channel=channel,
        kind=kind,
        message_id=message_id,
        header=_encoded(header),
        parent_id=parent_id if isinstance(parent_id, str) else "",
        content=_object(value, "content"),
        metadata=_object(value, "metadata"),
        buffers=buffers,
    )


def encoded_json(value: object, key: str) -> bytes:
    """Return a client's value as JSON again; raise ``MalformedRequest`` if it is too deep for that."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise MalformedRequest(f"{key} must not have so many arrays and objects within each other") from None


def _object(value: _Object, key: str) -> _Object:
    item = value.get(key)
    if item is None:
        return {}
    if not isinstance(item, dict):
        raise MalformedRequest(f"{key} must be an object")
    return item


def _id(header: _Object, key: str) -> str:
    text = header.get(key)
    if not isinstance(text, str) or not 0 < len(text) <= KIND_LIMIT_CHARS:
        raise MalformedRequest(f"header.{key} must be a string of 1 to {KIND_LIMIT_CHARS} characters")
    return text


def _encoded(header: _Object) -> bytes:
    """Return a header as it is returned: a ``date`` in seconds becomes text."""
    date = header.get("date")
    if isinstance(date, int | float) and 0 <= date < _LATEST:  # this form refuses NaN
        header = {**header, "date": iso(date)}
    encoded = encoded_json(header, "header")
    if len(encoded) > REPEATED_LIMIT_BYTES:
        raise MalformedRequest(f"header must be at most {REPEATED_LIMIT_BYTES} bytes long")
    return encoded
