"""How OpenSandbox's clients see errors: ``{"code": "CONTEXT_NOT_FOUND", "message": …}``.

The codes are those of OpenSandbox's execution daemon where it has one, and otherwise the error's own in capitals.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web
from attrs import frozen

from interpreterd.dialects import dialect
from interpreterd.http.errors import RETRY_SOON, ErrorAnswer, HttpError
from interpreterd.model.access_errors import QuotaReached, TooManyAttempts, Unauthorized
from interpreterd.model.errors import (
    SENTENCE_LIMIT_CHARS,
    BodyTooLarge,
    BodyTooSlow,
    ContextDeleted,
    ContextNotFound,
    ExecutionNotFound,
    Forbidden,
    InterpreterError,
    InvalidRequest,
    LimitReached,
    MalformedRequest,
    OutOfResources,
    ServerShuttingDown,
    UnsupportedEncoding,
    UnsupportedLanguage,
    cut,
)

MISSING_QUERY: Final = "MISSING_QUERY"
NOT_SUPPORTED: Final = "NOT_SUPPORTED"
_INVALID: Final = "INVALID_REQUEST_BODY"


@frozen
class ErrorRow:
    """Status and code of an error; without a code, it has its own in capitals."""

    status: HTTPStatus
    code: str | None = None


ROWS: Final[Mapping[type[InterpreterError], ErrorRow]] = {
    InterpreterError: ErrorRow(HTTPStatus.INTERNAL_SERVER_ERROR, "RUNTIME_ERROR"),
    MalformedRequest: ErrorRow(HTTPStatus.BAD_REQUEST, _INVALID),
    BodyTooLarge: ErrorRow(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _INVALID),
    BodyTooSlow: ErrorRow(HTTPStatus.REQUEST_TIMEOUT, _INVALID),
    UnsupportedEncoding: ErrorRow(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _INVALID),
    InvalidRequest: ErrorRow(HTTPStatus.BAD_REQUEST, _INVALID),
    UnsupportedLanguage: ErrorRow(HTTPStatus.BAD_REQUEST, NOT_SUPPORTED),
    Unauthorized: ErrorRow(HTTPStatus.UNAUTHORIZED),
    TooManyAttempts: ErrorRow(HTTPStatus.TOO_MANY_REQUESTS),
    Forbidden: ErrorRow(HTTPStatus.FORBIDDEN),
    ContextNotFound: ErrorRow(HTTPStatus.NOT_FOUND),
    ExecutionNotFound: ErrorRow(HTTPStatus.NOT_FOUND, "CONTEXT_NOT_FOUND"),
    ContextDeleted: ErrorRow(HTTPStatus.GONE),
    LimitReached: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE),
    QuotaReached: ErrorRow(HTTPStatus.TOO_MANY_REQUESTS),
    OutOfResources: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE),
    ServerShuttingDown: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE),
}


_COME_AGAIN: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


def error_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return how a client sees ``error``."""
    if isinstance(error, HttpError):
        return _answer(error.status, error.code.upper(), error.text)
    shown = dialect.row(ROWS, error)
    headers = RETRY_SOON if shown.status in _COME_AGAIN else {}
    return _answer(shown.status, shown.code or error.code.upper(), str(error), headers)


def refused(status: HTTPStatus, code: str, message: str) -> web.Response:
    """Return an answer in the form of an error."""
    return _answer(status, code, message).response()


def _answer(status: int, code: str, message: str, headers: Mapping[str, str] = {}) -> ErrorAnswer:
    # It may quote a header that is no UTF-8: aiohttp makes lone surrogates of such bytes, which no JSON can hold.
    text = cut(message, SENTENCE_LIMIT_CHARS).encode(errors="backslashreplace").decode()
    return ErrorAnswer(status, orjson.dumps({"code": code, "message": text}), headers)
