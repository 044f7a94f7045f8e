"""The messages to a WebSocket client whose request was refused."""

from typing import Final

import orjson

from interpreterd.dialects.native.errors import row_of, sentence
from interpreterd.model.errors import InterpreterError

ANNOUNCED: Final = "ContextError"
"""The name of a daemon's error where clients look for that of an exception."""
REQUEST_ERROR: Final = "RequestError"


def execute_refusal(error: InterpreterError) -> bytes | None:
    """Return the message before the close of ``/execute``; None if the close says everything."""
    if not row_of(error).announced:
        return None
    return orjson.dumps({"type": "error", "name": ANNOUNCED, "value": str(error), "traceback": ""})


def session_refusal(error: InterpreterError, request_id: str | None) -> list[bytes]:
    """Return the answer to a request of a session; ``request_id`` is None if it had no readable one."""
    message = {
        "type": "error",
        "name": ANNOUNCED if row_of(error).announced else REQUEST_ERROR,
        "value": sentence(error),
        "traceback": "",
        "requestId": request_id,
        "code": error.code,
    }
    return [orjson.dumps(message), orjson.dumps({"type": "control", "text": "refused", "requestId": request_id})]
