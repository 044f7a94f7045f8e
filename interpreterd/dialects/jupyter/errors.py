"""How Jupyter's clients see errors: most look at the status only, and show people the message."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from attrs import frozen

from interpreterd.dialects import dialect
from interpreterd.http.closing import (
    GOING_AWAY,
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    Closing,
    close_reason,
)
from interpreterd.http.errors import RETRY_SOON, ErrorAnswer, HttpError
from interpreterd.model.access_errors import QuotaReached, TooManyAttempts, Unauthorized
from interpreterd.model.errors import (
    SENTENCE_LIMIT_CHARS,
    BodyTooLarge,
    BodyTooSlow,
    ContextDeleted,
    ContextNotFound,
    ContextRestarted,
    ExecutionNotFound,
    Forbidden,
    InterpreterError,
    InvalidRequest,
    LimitReached,
    MalformedRequest,
    NotAcceptable,
    OutOfResources,
    ServerShuttingDown,
    UnsupportedEncoding,
    UpgradeRequired,
    WorkerStartFailed,
    cut,
)


@frozen
class _Row:
    status: HTTPStatus
    close_code: int = POLICY_VIOLATION
    headers: Mapping[str, str] = {}


_ROWS: Final[Mapping[type[InterpreterError], _Row]] = {
    InterpreterError: _Row(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR),
    MalformedRequest: _Row(HTTPStatus.BAD_REQUEST, PROTOCOL_ERROR),
    BodyTooLarge: _Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, MESSAGE_TOO_BIG),
    BodyTooSlow: _Row(HTTPStatus.REQUEST_TIMEOUT),
    UnsupportedEncoding: _Row(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers={"Accept-Encoding": "identity"}),
    UpgradeRequired: _Row(
        HTTPStatus.UPGRADE_REQUIRED,
        headers={"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"},
    ),
    InvalidRequest: _Row(HTTPStatus.BAD_REQUEST),
    NotAcceptable: _Row(HTTPStatus.NOT_ACCEPTABLE),
    Unauthorized: _Row(HTTPStatus.UNAUTHORIZED),
    TooManyAttempts: _Row(HTTPStatus.TOO_MANY_REQUESTS),
    Forbidden: _Row(HTTPStatus.FORBIDDEN),
    ContextNotFound: _Row(HTTPStatus.NOT_FOUND),
    ExecutionNotFound: _Row(HTTPStatus.NOT_FOUND),
    LimitReached: _Row(HTTPStatus.SERVICE_UNAVAILABLE, headers=RETRY_SOON),
    QuotaReached: _Row(HTTPStatus.TOO_MANY_REQUESTS, headers=RETRY_SOON),
    OutOfResources: _Row(HTTPStatus.SERVICE_UNAVAILABLE, headers=RETRY_SOON),
    WorkerStartFailed: _Row(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR),
    ContextDeleted: _Row(HTTPStatus.GONE, GOING_AWAY),
    ContextRestarted: _Row(HTTPStatus.CONFLICT, GOING_AWAY),
    ServerShuttingDown: _Row(HTTPStatus.SERVICE_UNAVAILABLE, GOING_AWAY, headers=RETRY_SOON),
}


def error_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return how a client of plain HTTP sees ``error``."""
    if isinstance(error, HttpError):
        return ErrorAnswer(error.status, _body(error.status, error.text, error.code))
    shown = dialect.row(_ROWS, error)
    return ErrorAnswer(shown.status, _body(shown.status, sentence(error), error.code), shown.headers)


def closing_after(error: InterpreterError) -> Closing:
    """Return how a WebSocket closes because of ``error``."""
    return Closing(dialect.row(_ROWS, error).close_code, close_reason(str(error)))


def sentence(error: InterpreterError) -> str:
    """Return ``error`` in the words of this API."""
    if isinstance(error, ContextNotFound):
        return f"Kernel does not exist: {error.args[0].removeprefix('context not found: ')}"
    return str(error)


def _body(status: int, message: str, code: str) -> bytes:
    # It may quote a header that is no UTF-8: aiohttp makes lone surrogates of such bytes, which no JSON can hold.
    text = cut(message, SENTENCE_LIMIT_CHARS).encode(errors="backslashreplace").decode()
    return orjson.dumps({"reason": HTTPStatus(status).phrase, "message": text, "code": code})
