"""Errors as envd tells them: codes of Connect, and for files a status of HTTP."""

from collections.abc import Mapping
from typing import Final

import orjson

from interpreterd.dialects import dialect
from interpreterd.http.errors import ErrorAnswer, HttpError
from interpreterd.model.access_errors import Unauthorized
from interpreterd.model.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ContextDeleted,
    Forbidden,
    InterpreterError,
    InvalidRequest,
    LimitReached,
    MalformedRequest,
    OutOfResources,
    ServerShuttingDown,
    UnsupportedEncoding,
    WorkerStartFailed,
)
from interpreterd.model.file_errors import ConditionFailed, FileTooLarge

HTTP_STATUSES: Final[Mapping[str, int]] = {
    "canceled": 499,
    "unknown": 500,
    "invalid_argument": 400,
    "deadline_exceeded": 504,
    "not_found": 404,
    "already_exists": 409,
    "permission_denied": 403,
    "resource_exhausted": 429,
    "failed_precondition": 400,
    "aborted": 409,
    "out_of_range": 400,
    "unimplemented": 501,
    "internal": 500,
    "unavailable": 503,
    "data_loss": 500,
    "unauthenticated": 401,
}
"""The codes of Connect, and the status of HTTP for each: connectrpc.com/docs/protocol."""
NO_SPACE: Final = "no_space"
_CODES: Final[Mapping[type[InterpreterError], str]] = {
    InterpreterError: "internal",
    MalformedRequest: "invalid_argument",
    InvalidRequest: "invalid_argument",
    BodyTooLarge: "resource_exhausted",
    BodyTooSlow: "deadline_exceeded",
    UnsupportedEncoding: "unimplemented",
    Unauthorized: "unauthenticated",
    Forbidden: "permission_denied",
    LimitReached: "resource_exhausted",
    FileTooLarge: "resource_exhausted",
    ConditionFailed: "failed_precondition",
    WorkerStartFailed: "unavailable",
    OutOfResources: "resource_exhausted",
    ContextDeleted: "unavailable",
    ServerShuttingDown: "unavailable",
}
_CODES_OF_STATUSES: Final[Mapping[int, str]] = {404: "not_found", 415: "invalid_argument", 413: "resource_exhausted"}


class EnvdRefused(InterpreterError):
    """A request that is understood and not fulfilled; its sentence is for the client.

    Attributes:
        connect_code: One of ``HTTP_STATUSES``, or ``NO_SPACE``.
    """

    def __init__(self, connect_code: str, sentence: str) -> None:
        super().__init__(connect_code, sentence)
        self.connect_code = connect_code if connect_code in HTTP_STATUSES or connect_code == NO_SPACE else "internal"
        self._sentence = sentence

    def __str__(self) -> str:
        return self._sentence


def code_of(error: InterpreterError | HttpError) -> str:
    """Return the code of Connect for ``error``."""
    if isinstance(error, EnvdRefused):
        return "resource_exhausted" if error.connect_code == NO_SPACE else error.connect_code
    if isinstance(error, HttpError):
        return _CODES_OF_STATUSES.get(error.status, "internal" if error.status >= 500 else "invalid_argument")
    return dialect.row(_CODES, error)


def status_of(error: InterpreterError) -> int:
    """Return the status of ``error`` outside of Connect."""
    if isinstance(error, ConditionFailed):
        return 412
    if isinstance(error, EnvdRefused) and error.connect_code == NO_SPACE:
        return 507
    if isinstance(error, BodyTooLarge | FileTooLarge):
        return 413
    if isinstance(error, BodyTooSlow):
        return 408
    if isinstance(error, UnsupportedEncoding):
        return 415
    return HTTP_STATUSES[code_of(error)]


def connect_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return the answer of an RPC that is refused before it begins."""
    code = code_of(error)
    status = error.status if isinstance(error, HttpError) else HTTP_STATUSES[code]
    return ErrorAnswer(status, connect_body(code, _sentence_of(error)))


def files_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return the answer of ``/files`` and its like to a request that is refused before its handler."""
    status = error.status if isinstance(error, HttpError) else status_of(error)
    return ErrorAnswer(status, files_body(status, _sentence_of(error)))


def connect_body(code: str, sentence: str) -> bytes:
    """Return an error in Connect's JSON."""
    return orjson.dumps({"code": code, "message": _text(sentence)})


def files_body(status: int, sentence: str) -> bytes:
    """Return an error in the JSON of ``/files``."""
    return orjson.dumps({"code": status, "message": _text(sentence)})


def _sentence_of(error: InterpreterError | HttpError) -> str:
    return error.text if isinstance(error, HttpError) else str(error)


def _text(sentence: str) -> str:
    """Return ``sentence``, which may quote a client, as text that UTF-8 can hold."""
    return sentence.encode(errors="backslashreplace").decode()
