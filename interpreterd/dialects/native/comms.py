"""Comms and the history: a client's message for a comm, which comms are open, and which cells a context has run."""

import binascii
from typing import Any, Final

import orjson
from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.look_requests import parse_look_timeout
from interpreterd.dialects.native.looks import look
from interpreterd.http.answers import json_response
from interpreterd.http.fields import choice, json_object, string, whole_number
from interpreterd.model.comms import (
    BUFFERS_LIMIT,
    COMM_ID_LIMIT_CHARS,
    COMM_LIMIT_BYTES,
    CONTENT_LIMIT_BYTES,
    CommAction,
    ToComm,
    comm_content,
)
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.looks import (
    HISTORY_LIMIT,
    HISTORY_PATTERN_LIMIT_CHARS,
    Comms,
    History,
    HistoryAccess,
    HistoryQuery,
    Task,
)
from interpreterd.model.requests import (
    DEFAULT_TIMEOUT_S,
    ID_LIMIT_CHARS,
    MESSAGE_ID_LIMIT_CHARS,
    ORIGIN_LIMIT_CHARS,
    TIMEOUT_LIMIT_S,
    Execute,
)

_KEYS: Final = frozenset(
    {"contextId", "timeout", "origin", "messageId", "action", "commId", "target", "data", "metadata", "buffers"}
)
_ACTIONS: Final[tuple[CommAction, ...]] = ("message", "open", "close")
_ACCESSES: Final[tuple[HistoryAccess, ...]] = ("tail", "range", "search")
_NUMBER_LIMIT_DIGITS: Final = 15
LIGHT_COMM_BYTES: Final = CONTENT_LIMIT_BYTES + (64 << 10)


def parse_comm(value: object) -> Execute:
    """Return the request to give a message to a comm. Raises ``MalformedRequest`` or ``InvalidRequest``."""
    message = json_object(value, "the message", _KEYS)
    action = next(it for it in _ACTIONS if it == choice(message, "action", _ACTIONS))
    comm_id = _short(message, "commId", COMM_ID_LIMIT_CHARS)
    if not comm_id:
        raise InvalidRequest(f"commId must be a string of 1 to {COMM_ID_LIMIT_CHARS} characters")
    timeout_s = whole_number(message, "timeout")
    if timeout_s is None:
        timeout_s = DEFAULT_TIMEOUT_S
    elif not 0 <= timeout_s <= TIMEOUT_LIMIT_S:
        raise InvalidRequest(f"timeout must be a number of seconds from 0 (none) to {TIMEOUT_LIMIT_S}")
    metadata = message.get("metadata", {})
    if not isinstance(metadata, dict):
        raise MalformedRequest("metadata must be an object")
    buffers = _buffers(message.get("buffers", []))
    try:
        data, shown = (orjson.dumps(it).decode() for it in (message.get("data", {}), metadata))
    except orjson.JSONEncodeError:
        raise InvalidRequest("data and metadata must not be nested so deep") from None
    if len(data) + len(shown) + sum(map(len, buffers)) > COMM_LIMIT_BYTES:
        raise InvalidRequest(f"data, metadata and buffers must be at most {COMM_LIMIT_BYTES} bytes long together")
    return Execute(
        code=comm_content(data, shown, buffers),
        context_id=_short(message, "contextId", ID_LIMIT_CHARS) or None,
        timeout_s=timeout_s or None,
        origin=_short(message, "origin", ORIGIN_LIMIT_CHARS),
        message_id=_short(message, "messageId", MESSAGE_ID_LIMIT_CHARS),
        comm=ToComm(action=action, comm_id=comm_id, target=_short(message, "target", COMM_ID_LIMIT_CHARS)),
    )


def names_comm(data: bytes) -> bool:
    """Return whether a message may be one for a comm, which may be long: its first or last KiB has the key."""
    return b'"commId"' in data[:1024] or b'"commId"' in data[-1024:]


def _short(message: dict[str, object], key: str, limit_chars: int) -> str:
    text = string(message, key) or ""
    if len(text) > limit_chars:
        raise InvalidRequest(f"{key} must be at most {limit_chars} characters long")
    return text


def _buffers(value: object) -> list[bytes]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedRequest("buffers must be a list of strings")
    if len(value) > BUFFERS_LIMIT:
        raise InvalidRequest(f"buffers must be at most {BUFFERS_LIMIT}")
    try:
        return [binascii.a2b_base64(item, strict_mode=True) for item in value]
    except ValueError:
        raise InvalidRequest("buffers must be base64") from None


async def list_comms(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List the comms that are open, all or those for ``?target=``."""
    target = request.query.get("target", "")
    if len(target) > COMM_ID_LIMIT_CHARS:
        raise InvalidRequest(f"target must be at most {COMM_ID_LIMIT_CHARS} characters long")
    found = await look(service, request, _asked(request, Task(kind="comms", target=target)), Comms)
    comms = [{"commId": it.comm_id, "target": it.target} for it in found.comms]
    return json_response({"comms": comms, "omitted": found.omitted})


async def list_history(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List the cells that the context's Python has run: the latest, a range of numbers, or those like a pattern."""
    found = await look(service, request, _asked(request, Task(kind="history", history=_query(request))), History)
    cells = [{"number": it.number, "source": it.source, "output": it.output} for it in found.cells]
    return json_response({"cells": cells, "omitted": found.omitted})


def _asked(request: web.Request, task: Task) -> Execute:
    timeout_s = parse_look_timeout(request.query.get("timeout"))
    return Execute(code="", context_id=request.match_info["id"], timeout_s=timeout_s, stays=False, task=task)


def _query(request: web.Request) -> HistoryQuery:
    query: dict[str, Any] = dict(request.query)
    pattern = query.get("pattern")
    if pattern is not None and len(pattern) > HISTORY_PATTERN_LIMIT_CHARS:
        raise InvalidRequest(f"pattern must be at most {HISTORY_PATTERN_LIMIT_CHARS} characters long")
    start, stop, n = (_number(query, key) for key in ("start", "stop", "n"))
    if n is not None and not 0 <= n <= HISTORY_LIMIT:
        raise InvalidRequest(f"n must be from 0 to {HISTORY_LIMIT}")
    is_range = start is not None or stop is not None
    if is_range and (pattern is not None or n is not None):
        raise InvalidRequest("start and stop must come without pattern and n")
    return HistoryQuery(
        access=_ACCESSES[1] if is_range else _ACCESSES[0] if pattern is None else _ACCESSES[2],
        n=n,
        start=1 if start is None else start,
        stop=stop,
        pattern="*" if pattern is None else pattern,
        unique=_is_true(query, "unique"),
        output=_is_true(query, "output"),
    )


def _number(query: dict[str, Any], key: str) -> int | None:
    text: str | None = query.get(key)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _NUMBER_LIMIT_DIGITS):
        raise MalformedRequest(f"{key} must be a whole number")
    return int(text)


def _is_true(query: dict[str, Any], key: str) -> bool:
    text = query.get(key, "false")
    if text not in ("true", "false"):
        raise MalformedRequest(f"{key} must be true or false")
    return bool(text == "true")
