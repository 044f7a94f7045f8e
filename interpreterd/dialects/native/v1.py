"""The events of version 1, for existing clients: pure functions from event to JSON."""

from typing import Any, Final, assert_never

import orjson

from interpreterd.dialects.native.errors import closing_after
from interpreterd.http.closing import NORMAL, Closing
from interpreterd.model.errors import ExecutionInterrupted
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


def render(event: Event | Gap) -> bytes | None:
    """Return the message of ``event``, a JSON object below 1 MiB; None for events that these clients do not get."""
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
    return NORMAL if event.cause is None else closing_after(event.cause)


def _error(error: Failure) -> bytes:
    return orjson.dumps({"type": "error", "name": error.name, "value": error.value, "traceback": error.traceback})
