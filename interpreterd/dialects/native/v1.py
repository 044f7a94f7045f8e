"""The events as the existing clients know them: pure functions from event to JSON."""

from typing import Any, Final, assert_never

import orjson
from attrs import frozen

from interpreterd.dialects.native.errors import OK, close_reason, face
from interpreterd.machine.verdicts import CONTEXT_ERROR
from interpreterd.model.errors import ExecutionInterrupted, InterpreterError
from interpreterd.model.events import (
    Event,
    Failure,
    Finished,
    Gap,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
)

COMPLETED: Final = b'{"type":"control","text":"completed"}'
INTERRUPTED: Final = b'{"type":"control","text":"interrupted"}'
RESTARTED: Final = b'{"type":"control","text":"restarted"}'


@frozen
class Closing:
    """How the server ends a connection."""

    code: int
    reason: bytes = b""


def render(event: Event | Gap) -> bytes | None:
    """Return the message of ``event``, a JSON object below 1 MiB; None for what these clients are not told."""
    match event:
        case Output(stream=stream, text=text, replaced=0):
            return encode_output({"type": stream.value, "text": text})
        case Output(stream=stream, text=text, replaced=replaced):
            return encode_output({"type": stream.value, "text": text, "replaced": replaced})
        case Queued() | Started() | InputRequest() | Gap():
            return None
        case Restarted():
            return RESTARTED
        case Raised(error=error):
            return _error(error)
        case Finished(outcome=outcome, cause=cause):
            if outcome is Outcome.INTERRUPTED or isinstance(cause, ExecutionInterrupted):
                return INTERRUPTED
            return COMPLETED if cause is None else None
        case _:
            assert_never(event)


def encode_output(message: dict[str, Any]) -> bytes:
    """Return ``message`` as JSON, in a copy: the bytes that orjson returns take up to sixteen times their length."""
    return bytes(memoryview(orjson.dumps(message)))


def closing(event: Finished) -> Closing:
    """Return how the connection ends after ``event``."""
    if event.cause is None:
        return Closing(OK)
    return Closing(face(event.cause).close_code, close_reason(str(event.cause)))


def refusal(error: InterpreterError) -> tuple[list[bytes], Closing]:
    """Return what a client is told whose execution was not taken."""
    shown = face(error)
    messages = [_error(Failure(name=CONTEXT_ERROR, value=str(error)))] if shown.announced else []
    return messages, Closing(shown.close_code, close_reason(str(error)))


def _error(error: Failure) -> bytes:
    return orjson.dumps({"type": "error", "name": error.name, "value": error.value, "traceback": error.traceback})
