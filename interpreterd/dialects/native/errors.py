"""The one face of each domain error: HTTP status, stable code, WebSocket close code."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from attrs import frozen

from interpreterd.model.errors import (
    SENTENCE_LIMIT_CHARS,
    BodyTooLarge,
    BodyTooSlow,
    ContextDeleted,
    ContextNotFound,
    ContextRestarted,
    DefaultContextKept,
    ExecutionInterrupted,
    ExecutionNotFound,
    ExecutionTimedOut,
    Forbidden,
    InterpreterError,
    InvalidRequest,
    InvalidWorkingDirectory,
    LimitExceeded,
    LimitReached,
    MalformedRequest,
    NotAcceptable,
    OutOfResources,
    ServerShuttingDown,
    UnsupportedEncoding,
    UnsupportedLanguage,
    UpgradeRequired,
    WorkerStartFailed,
    cut,
)

# RFC 6455, section 7.4.1; 4000 and above are the application's own
OK, GOING_AWAY, PROTOCOL_ERROR, INVALID_TEXT = 1000, 1001, 1002, 1007
POLICY_VIOLATION, MESSAGE_TOO_BIG, INTERNAL_ERROR = 1008, 1009, 1011
TRY_AGAIN_LATER: Final = 1013  # www.iana.org/assignments/websocket
TIMEOUT: Final = 4008
REASON_LIMIT_BYTES: Final = 123  # RFC 6455, section 5.5: a control frame holds 125 bytes, two of them the code


@frozen
class Face:
    """How an error shows.

    Attributes:
        announced: Whether a WebSocket client is sent an ``error`` event before the close.
    """

    code: str
    status: HTTPStatus
    close_code: int
    announced: bool = False
    headers: Mapping[str, str] = {}


FACES: Final[Mapping[type[InterpreterError], Face]] = {
    MalformedRequest: Face("malformed_request", HTTPStatus.BAD_REQUEST, PROTOCOL_ERROR),
    BodyTooLarge: Face("body_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, MESSAGE_TOO_BIG),
    BodyTooSlow: Face("request_timeout", HTTPStatus.REQUEST_TIMEOUT, PROTOCOL_ERROR),
    UnsupportedEncoding: Face(
        "unsupported_encoding",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        PROTOCOL_ERROR,
        headers={"Accept-Encoding": "identity"},  # RFC 9110, section 15.5.16
    ),
    UpgradeRequired: Face(
        "upgrade_required",
        HTTPStatus.UPGRADE_REQUIRED,
        PROTOCOL_ERROR,
        # RFC 9110, section 15.5.22; RFC 6455, section 4.4
        headers={"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"},
    ),
    InvalidRequest: Face("invalid_request", HTTPStatus.BAD_REQUEST, POLICY_VIOLATION),
    UnsupportedLanguage: Face("unsupported_language", HTTPStatus.BAD_REQUEST, POLICY_VIOLATION),
    InvalidWorkingDirectory: Face("invalid_cwd", HTTPStatus.BAD_REQUEST, POLICY_VIOLATION),
    DefaultContextKept: Face("default_context", HTTPStatus.BAD_REQUEST, POLICY_VIOLATION),
    NotAcceptable: Face("not_acceptable", HTTPStatus.NOT_ACCEPTABLE, POLICY_VIOLATION),
    Forbidden: Face("forbidden", HTTPStatus.FORBIDDEN, POLICY_VIOLATION),
    ContextNotFound: Face("context_not_found", HTTPStatus.NOT_FOUND, POLICY_VIOLATION, announced=True),
    ExecutionNotFound: Face("execution_not_found", HTTPStatus.NOT_FOUND, POLICY_VIOLATION),
    LimitReached: Face("limit_reached", HTTPStatus.SERVICE_UNAVAILABLE, POLICY_VIOLATION, headers={"Retry-After": "1"}),
    WorkerStartFailed: Face("worker_start_failed", HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, announced=True),
    OutOfResources: Face(
        "out_of_resources",
        HTTPStatus.SERVICE_UNAVAILABLE,
        INTERNAL_ERROR,
        announced=True,
        headers={"Retry-After": "1"},
    ),
    ExecutionTimedOut: Face("execution_timed_out", HTTPStatus.REQUEST_TIMEOUT, TIMEOUT, announced=True),
    ExecutionInterrupted: Face("execution_interrupted", HTTPStatus.CONFLICT, OK, announced=True),
    LimitExceeded: Face("limit_exceeded", HTTPStatus.UNPROCESSABLE_ENTITY, POLICY_VIOLATION, announced=True),
    ContextDeleted: Face("context_deleted", HTTPStatus.GONE, GOING_AWAY, announced=True),
    ContextRestarted: Face("context_restarted", HTTPStatus.CONFLICT, GOING_AWAY, announced=True),
    ServerShuttingDown: Face("shutting_down", HTTPStatus.SERVICE_UNAVAILABLE, GOING_AWAY, announced=True),
}


def face(error: InterpreterError) -> Face:
    """Return the face of ``error``; a test proves that every type has one."""
    return FACES[type(error)]


def sentence(error: InterpreterError) -> str:
    """Return ``error`` as the sentence that a REST client reads."""
    text = str(error)
    if type(error) in (MalformedRequest, InvalidRequest):  # they begin with the name of a key
        return text
    return text[:1].upper() + text[1:]


def error_body(message: str, code: str) -> dict[str, Any]:
    """Return the JSON body of every error."""
    # It may quote a header that is no UTF-8: aiohttp makes lone surrogates of such bytes, which no JSON can hold.
    text = cut(message, SENTENCE_LIMIT_CHARS).encode(errors="backslashreplace").decode()
    return {"error": text, "code": code}


def close_reason(text: str) -> bytes:
    """Return ``text`` as the reason of a close frame, cut at a character to what such a frame holds."""
    return text.encode()[:REASON_LIMIT_BYTES].decode(errors="ignore").encode()
