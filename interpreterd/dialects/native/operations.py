"""The operations of a session: pure functions from JSON to operation, and the answer to one.

``tests/golden/session.jsonl`` has an example of each, which PROTOCOL.md shows.
"""

from typing import Any, Final

from attrs import field, frozen

from interpreterd.dialects.native.calls import parse_call_answer, parse_call_id
from interpreterd.dialects.native.comms import parse_comm
from interpreterd.dialects.native.events import as_json, control
from interpreterd.dialects.native.requests import parse_execute
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.functions import CallAnswer
from interpreterd.model.requests import Execute

REQUEST_ID_LIMIT_CHARS: Final = 256


@frozen
class InterruptOperation:
    """Interrupt an execution of a context.

    Attributes:
        context_id: None for the default context.
        execution_id: Only if this execution runs; None for any.
    """

    context_id: str | None = None
    execution_id: str | None = None


@frozen
class PingOperation:
    """Answer, whatever else goes on."""


@frozen
class InputOperation:
    """Answer the question of an execution of this connection.

    Attributes:
        text: A line without its newline; None for the end of the input.
    """

    execution_id: str
    text: str | None = field(repr=False)


@frozen
class ReturnOperation:
    """Answer the call of a host function, of any execution."""

    execution_id: str
    call_id: str
    answer: CallAnswer


Operation = Execute | InterruptOperation | InputOperation | ReturnOperation | PingOperation


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
            return parse_execute({key: it for key, it in message.items() if key not in ("op", "requestId")}).execute
        case "comm":
            return parse_comm({key: it for key, it in message.items() if key not in ("op", "requestId")})
        case "interrupt":
            return InterruptOperation(_id(message, "contextId"), _id(message, "executionId"))
        case "input":
            execution_id = _id(message, "executionId")
            if execution_id is None:
                raise MalformedRequest("executionId must name the execution that asks")
            return InputOperation(execution_id, parse_text(message))
        case "return":
            execution_id = _id(message, "executionId")
            if execution_id is None:
                raise MalformedRequest("executionId must name the execution that calls")
            return ReturnOperation(execution_id, parse_call_id(message), parse_call_answer(message))
        case "ping":
            return PingOperation()
        case str():
            raise InvalidRequest("op must be one of execute, comm, interrupt, input, return, ping")
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


def answer(text: str, request_id: str) -> bytes:
    """Return the answer to an operation other than an execution."""
    return as_json({**control(text), "requestId": request_id})
