"""How OpenSandbox's clients see errors."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson

from interpreterd.dialects import dialect
from interpreterd.http.errors import ErrorAnswer, HttpError
from interpreterd.model.errors import (
    ContextNotFound,
    Forbidden,
    InterpreterError,
    InvalidRequest,
    LimitReached,
    MalformedRequest,
    ServerShuttingDown,
)

STATUSES: Final[Mapping[type[InterpreterError], HTTPStatus]] = {
    InterpreterError: HTTPStatus.INTERNAL_SERVER_ERROR,
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    Forbidden: HTTPStatus.FORBIDDEN,
    ContextNotFound: HTTPStatus.NOT_FOUND,
    LimitReached: HTTPStatus.SERVICE_UNAVAILABLE,
    ServerShuttingDown: HTTPStatus.SERVICE_UNAVAILABLE,
}


def error_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return how a client sees ``error``."""
    status = error.status if isinstance(error, HttpError) else dialect.row(STATUSES, error)
    text = error.text if isinstance(error, HttpError) else str(error)
    return ErrorAnswer(status, orjson.dumps({"code": error.code.upper(), "message": text}))
