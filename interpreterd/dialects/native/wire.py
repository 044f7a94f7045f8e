"""The messages of a session's WebSocket: pure functions from JSON to operation and from event to JSON.

Events have the same form over HTTP and for followers of a context. ``tests/golden/session.jsonl`` and
``feed.jsonl`` have an example of each, which PROTOCOL.md shows.
"""

from collections.abc import Mapping
from typing import Any, Final, assert_never

import orjson
from attrs import field, frozen

from interpreterd.dialects.native.v1 import encode_output
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.events import (
    Event,
    Failure,
    Finished,
    Gap,
    Happened,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
    Submitted,
    WorkerEnded,
)
from interpreterd.model.requests import Execute

REQUEST_ID_LIMIT_CHARS: Final = 256


@frozen
class Interrupt:
    """Interrupt an execution of a context.

    Attributes:
        context_id: None for the default context.
        execution_id: Only if this execution runs; None for any.
    """

    context_id: str | None = None
    execution_id: str | None = None


@frozen
class Ping:
    """Answer, whatever else goes on."""


@frozen
class Input:
    """Answer the question of an execution of this connection.

    Attributes:
        text: A line without its newline; None for the end of the input.
    """

    execution_id: str
    text: str | None = field(repr=False)


Operation = Execute | Interrupt | Input | Ping


def parse_message(value: object) -> dict[str, Any]:
    """Return the JSON object of a client's message. Raises ``MalformedRequest``."""
    if not isinstance(value, dict):
        raise MalformedRequest("the message must be a JSON object")
    return value


def parse_request_id(message: dict[str, Any]) -> str:
    """Return the client's name for its request. Raises ``MalformedRequest``."""
    request_id = message.get("requestId")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= REQUEST_ID_LIMIT_CHARS:
        raise MalformedRequest(f"requestId must be a string of 1 to {REQUEST_ID_LIMIT_CHARS} characters")
    return request_id


def parse_operation(message: dict[str, Any]) -> Operation:
    """Return the operation of a message. Raises ``MalformedRequest`` or ``InvalidRequest``."""
    match message.get("op"):
        case "execute":
            return Execute.parse({key: value for key, value in message.items() if key not in ("op", "requestId")})
        case "interrupt":
            return Interrupt(_id(message, "contextId"), _id(message, "executionId"))
        case "input":
            execution_id = _id(message, "executionId")
            if execution_id is None:
                raise MalformedRequest("executionId must name the execution that asks")
            return Input(execution_id, parse_text(message))
        case "ping":
            return Ping()
        case str():
            raise InvalidRequest("op must be one of execute, interrupt, input, ping")
        case _:
            raise MalformedRequest("op must be a string")


def parse_text(message: dict[str, Any]) -> str | None:
    """Return the answer to ``inputRequest``. Raises ``MalformedRequest``."""
    text = message.get("text")
    if text is not None and not isinstance(text, str):
        raise MalformedRequest("text must be a string, or null for the end of the input")
    return text


def _id(message: dict[str, Any], key: str) -> str | None:
    value = message.get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedRequest(f"{key} must be a string")
    return value or None


def render(number: int, event: Event | Submitted | WorkerEnded | Gap, ids: Mapping[str, str | None]) -> bytes:
    """Return the message of the event ``number``, with ``ids``; that of ``Finished`` is the execution's last one."""
    more = {**ids, "seq": number}
    match event:
        case Output(stream=stream, text=text, replaced=0):
            return encode_output({"type": stream.value, "text": text, **more})
        case Output(stream=stream, text=text, replaced=replaced):
            return encode_output({"type": stream.value, "text": text, "replaced": replaced, **more})
        case Queued(ahead=ahead):
            return _control("queued", more | {"ahead": ahead})
        case Started():
            return _control("started", more)
        case Restarted():
            return _control("restarted", more)
        case InputRequest(prompt=prompt, password=password):
            return orjson.dumps({"type": "inputRequest", "prompt": prompt, "password": password, **more})
        case Raised(error=error):
            return _error(error, more)
        case Finished(outcome=Outcome.INTERRUPTED):
            return _control("interrupted", more)
        case Finished(cause=cause):
            return _control("completed" if cause is None else "cancelled", more)
        case Gap(first=first, last=last):
            return orjson.dumps({"type": "gap", "first": first, "last": last, **more})
        case Submitted(code=code, origin=origin, cut_chars=cut_chars):
            return orjson.dumps({"type": "submitted", "code": code, "cutChars": cut_chars, "origin": origin, **more})
        case WorkerEnded(how=how):
            return orjson.dumps({"type": "workerEnded", "how": how, **more})
        case _:
            assert_never(event)


def render_happened(number: int, happened: Happened | Gap) -> bytes:
    """Return the message of an event of a context."""
    if isinstance(happened, Gap):
        return render(number, happened, {"executionId": None})
    return render(number, happened.event, {"executionId": happened.execution_id})


def answer(text: str, request_id: str) -> bytes:
    """Return the answer to an operation other than an execution."""
    return _control(text, {"requestId": request_id})


def _control(text: str, ids: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": "control", "text": text, **ids})


def _error(error: Failure, ids: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {"type": "error", "name": error.name, "value": error.value, "traceback": error.traceback, **ids}
    )
