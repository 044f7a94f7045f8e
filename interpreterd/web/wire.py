"""What travels on a session's WebSocket: pure functions from JSON to operation and from event to JSON.

``tests/golden/session.jsonl`` has an example of each, which PROTOCOL.md shows.
"""

from typing import Any, Final, assert_never

import orjson
from attrs import frozen

from interpreterd.errors import InterpreterError, InvalidRequest, MalformedRequest
from interpreterd.machine import CONTEXT_ERROR
from interpreterd.schema import Event, Execute, Failure, Finished, Outcome, Output, Restarted, Started, decode_json
from interpreterd.web.faces import face, sentence
from interpreterd.web.v1 import encode_output

REQUEST_ID_LIMIT_CHARS: Final = 256


@frozen
class Interrupt:
    """Interrupt what runs in a context.

    Attributes:
        context_id: None for the default context.
        execution_id: Only if this is what runs; None for whatever runs.
    """

    context_id: str | None = None
    execution_id: str | None = None


@frozen
class Ping:
    """Answer, whatever else goes on."""


Operation = Execute | Interrupt | Ping


def decode(data: bytes | str) -> dict[str, Any]:
    """Return the JSON object of a client's message. Raises ``MalformedRequest``."""
    value = decode_json(data, "the message")
    if not isinstance(value, dict):
        raise MalformedRequest("the message must be a JSON object")
    return value


def parse_request_id(message: dict[str, Any]) -> str:
    """Return the name that the client gave its request. Raises ``MalformedRequest``."""
    request_id = message.get("requestId")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= REQUEST_ID_LIMIT_CHARS:
        raise MalformedRequest(f"requestId must be a string of 1 to {REQUEST_ID_LIMIT_CHARS} characters")
    return request_id


def parse_operation(message: dict[str, Any]) -> Operation:
    """Return what the client wants. Raises ``MalformedRequest`` or ``InvalidRequest``."""
    match message.get("op"):
        case "execute":
            return Execute.parse({key: value for key, value in message.items() if key not in ("op", "requestId")})
        case "interrupt":
            return Interrupt(_id(message, "contextId"), _id(message, "executionId"))
        case "ping":
            return Ping()
        case str():
            raise InvalidRequest("op must be one of execute, interrupt, ping")
        case _:
            raise MalformedRequest("op must be a string")


def _id(message: dict[str, Any], key: str) -> str | None:
    value = message.get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedRequest(f"{key} must be a string")
    return value or None


def render(event: Event, request_id: str, execution_id: str) -> list[bytes]:
    """Return the messages of ``event``; after the last one of ``Finished`` the request is answered."""
    ids = {"requestId": request_id, "executionId": execution_id}
    match event:
        case Output(stream=stream, text=text, replaced=0):
            return [encode_output({"type": stream.value, "text": text, **ids})]
        case Output(stream=stream, text=text, replaced=replaced):
            return [encode_output({"type": stream.value, "text": text, "replaced": replaced, **ids})]
        case Started():
            return [_control("started", ids)]
        case Restarted():
            return [_control("restarted", ids)]
        case Finished(outcome=outcome, error=error, cause=cause):
            messages = [] if error is None else [_error(error, ids)]
            if outcome is Outcome.INTERRUPTED:
                return [*messages, _control("interrupted", ids)]
            return [*messages, _control("completed" if cause is None else "cancelled", ids)]
        case _:
            assert_never(event)


def refusal(error: InterpreterError, request_id: str | None) -> list[bytes]:
    """Return what answers a request that was not taken; ``request_id`` is None if it had none that could be read."""
    ids = {"requestId": request_id}
    name = CONTEXT_ERROR if face(error).announced else "RequestError"
    shown = Failure(name=name, value=sentence(error))
    return [_error(shown, ids | {"code": face(error).code}), _control("refused", ids)]


def answer(text: str, request_id: str) -> bytes:
    """Return the answer to an operation that is no execution."""
    return _control(text, {"requestId": request_id})


def _control(text: str, ids: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": "control", "text": text, **ids})


def _error(error: Failure, ids: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {"type": "error", "name": error.name, "value": error.value, "traceback": error.traceback, **ids}
    )
