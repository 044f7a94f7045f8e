"""What the display pipe carries besides output data: messages of comms, values of expressions, proposals for input.

The header of a bundle of such a ``kind`` has more keys, and the bundle becomes an event of its own::

    comm       action, id, target?, buffers?: sizes in "buffers" as base64; the data is "application/json"
    evaluated  name, error?; the data is the value's
    nextInput  replace?; the data is "text/plain"
"""

import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from interpreterd.model.comms import BUFFERS_LIMIT, COMM_ID_LIMIT_CHARS, CommAction, CommMessage
from interpreterd.model.displays import Data, Evaluated, Json, NextInput
from interpreterd.model.errors import ProtocolError
from interpreterd.model.events import Event
from interpreterd.model.names import JSON
from interpreterd.pipe.failures import parse_reported
from interpreterd.pipe.values import get, get_list

Complete = Callable[[Data, Json | None], Event]
"""Makes the event, from the data and the metadata of its bundle. Raises ``ProtocolError``."""
BUFFERS: Final = "buffers"
_NAME_LIMIT_CHARS: Final = 1000
_ACTIONS: Final[Mapping[str, CommAction]] = {"open": "open", "message": "message", "close": "close"}


def parse_head(header: dict[str, Any]) -> Complete | None:
    """Return what makes the event of a bundle with this header; None for output data. Raises ``ProtocolError``."""
    parse = _PARSERS.get(header["kind"])
    return None if parse is None else parse(header)


def _comm(header: dict[str, Any]) -> Complete:
    action = _ACTIONS.get(get(header, "action", str))
    if action is None:
        raise ProtocolError(f"action must be one of {', '.join(_ACTIONS)}")
    comm_id = _name(header, "id", COMM_ID_LIMIT_CHARS)
    target = _name(header, "target", COMM_ID_LIMIT_CHARS) if action == "open" else ""
    lengths = get_list(header, BUFFERS, int, BUFFERS_LIMIT) if BUFFERS in header else []

    def complete(data: Data, metadata: Json | None) -> Event:
        content = data.get(JSON)
        if not isinstance(content, Json):
            raise ProtocolError("a comm's message must have data")
        buffers = _buffers(data.get(BUFFERS, ""), lengths)
        return CommMessage(
            action=action, comm_id=comm_id, target=target, data=content, metadata=metadata, buffers=buffers
        )

    return complete


def _buffers(encoded: str | Json, lengths: list[int]) -> tuple[bytes, ...]:
    if not isinstance(encoded, str) or any(length < 0 for length in lengths) or sum(lengths) != len(encoded):
        raise ProtocolError("the buffers of a comm's message must be as long as its header says")
    buffers, start = [], 0
    for length in lengths:
        try:
            buffers.append(binascii.a2b_base64(encoded[start : start + length], strict_mode=True))
        except ValueError as error:
            raise ProtocolError(f"a buffer of a comm's message is not base64: {error}") from None
        start += length
    return tuple(buffers)


def _evaluated(header: dict[str, Any]) -> Complete:
    name = _name(header, "name", _NAME_LIMIT_CHARS)
    error = parse_reported(get(header, "error", dict)) if "error" in header else None
    return lambda data, metadata: Evaluated(name=name, data={} if error else data, metadata=metadata, error=error)


def _next_input(header: dict[str, Any]) -> Complete:
    replace = header.get("replace") is True

    def complete(data: Data, metadata: Json | None) -> Event:
        text = data.get("text/plain")
        if not isinstance(text, str):
            raise ProtocolError("a proposal for input must have a text")
        return NextInput(text=text, replace=replace)

    return complete


def _name(header: dict[str, Any], key: str, limit_chars: int) -> str:
    name = get(header, key, str)
    if len(name) > limit_chars:
        raise ProtocolError(f"{key} must be at most {limit_chars} characters long")
    return name


_PARSERS: Final[Mapping[str, Callable[[dict[str, Any]], Complete]]] = {
    "comm": _comm,
    "evaluated": _evaluated,
    "nextInput": _next_input,
}
KINDS: Final = frozenset(_PARSERS)
