"""How clients see each domain error: HTTP status and headers, and the close code of a WebSocket."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from attrs import frozen

from interpreterd.dialects import dialect
from interpreterd.dialects.native.limits import limit_sentence
from interpreterd.dialects.native.state_bodies import lost_body
from interpreterd.http.closing import (
    GOING_AWAY,
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    OK,
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
    ExecutionInterrupted,
    ExecutionNotFound,
    ExecutionTimedOut,
    Forbidden,
    InterpreterError,
    InvalidLimit,
    InvalidRequest,
    LimitExceeded,
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
from interpreterd.model.execution_errors import CallNotFound, LookFailed
from interpreterd.model.file_errors import (
    ConditionFailed,
    DirectoryNotEmpty,
    DiskFull,
    FileError,
    FileForbidden,
    FileTooLarge,
    InvalidPath,
    NoSuchFile,
    NotADirectory,
    NotAFile,
    PathOutside,
    RangeOutside,
)
from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.model.state_errors import (
    ArchiveExists,
    ArchiveNotFound,
    CheckpointExists,
    CheckpointNotFound,
    CheckpointsFull,
    NoStateDirectory,
    NotCarried,
    NotForkable,
    NothingToUndo,
    NotSavedWhole,
    OperationFailed,
)

TIMEOUT: Final = 4008  # a close code of this API


@frozen
class ErrorRow:
    """How an error is shown.

    Attributes:
        announced: Whether a WebSocket client gets an ``error`` event before the close.
    """

    status: HTTPStatus
    close_code: int
    announced: bool = False
    headers: Mapping[str, str] = {}


ROWS: Final[Mapping[type[InterpreterError], ErrorRow]] = {
    # for unforeseen errors; a test shows that every other error has a row of its own or of a nearer base
    InterpreterError: ErrorRow(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR),
    MalformedRequest: ErrorRow(HTTPStatus.BAD_REQUEST, PROTOCOL_ERROR),
    BodyTooLarge: ErrorRow(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, MESSAGE_TOO_BIG),
    BodyTooSlow: ErrorRow(HTTPStatus.REQUEST_TIMEOUT, PROTOCOL_ERROR),
    UnsupportedEncoding: ErrorRow(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        PROTOCOL_ERROR,
        headers={"Accept-Encoding": "identity"},  # RFC 9110, section 15.5.16
    ),
    UpgradeRequired: ErrorRow(
        HTTPStatus.UPGRADE_REQUIRED,
        PROTOCOL_ERROR,
        # RFC 9110, section 15.5.22; RFC 6455, section 4.4
        headers={"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"},
    ),
    InvalidRequest: ErrorRow(HTTPStatus.BAD_REQUEST, POLICY_VIOLATION),
    NotAcceptable: ErrorRow(HTTPStatus.NOT_ACCEPTABLE, POLICY_VIOLATION),
    Unauthorized: ErrorRow(HTTPStatus.UNAUTHORIZED, POLICY_VIOLATION),
    TooManyAttempts: ErrorRow(HTTPStatus.TOO_MANY_REQUESTS, POLICY_VIOLATION),
    Forbidden: ErrorRow(HTTPStatus.FORBIDDEN, POLICY_VIOLATION),
    ContextNotFound: ErrorRow(HTTPStatus.NOT_FOUND, POLICY_VIOLATION, announced=True),
    CallNotFound: ErrorRow(HTTPStatus.NOT_FOUND, POLICY_VIOLATION),
    ExecutionNotFound: ErrorRow(HTTPStatus.NOT_FOUND, POLICY_VIOLATION),
    LimitReached: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE, POLICY_VIOLATION, headers=RETRY_SOON),
    QuotaReached: ErrorRow(HTTPStatus.TOO_MANY_REQUESTS, POLICY_VIOLATION, headers=RETRY_SOON),
    WorkerStartFailed: ErrorRow(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, announced=True),
    OutOfResources: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE, INTERNAL_ERROR, announced=True, headers=RETRY_SOON),
    IsolationUnavailable: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE, INTERNAL_ERROR, announced=True),
    ExecutionTimedOut: ErrorRow(HTTPStatus.REQUEST_TIMEOUT, TIMEOUT, announced=True),
    ExecutionInterrupted: ErrorRow(HTTPStatus.CONFLICT, OK, announced=True),
    LimitExceeded: ErrorRow(HTTPStatus.UNPROCESSABLE_ENTITY, POLICY_VIOLATION, announced=True),
    LookFailed: ErrorRow(HTTPStatus.UNPROCESSABLE_ENTITY, POLICY_VIOLATION),
    ContextDeleted: ErrorRow(HTTPStatus.GONE, GOING_AWAY, announced=True),
    ContextRestarted: ErrorRow(HTTPStatus.CONFLICT, GOING_AWAY, announced=True),
    FileError: ErrorRow(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR),
    NoSuchFile: ErrorRow(HTTPStatus.NOT_FOUND, POLICY_VIOLATION),
    PathOutside: ErrorRow(HTTPStatus.FORBIDDEN, POLICY_VIOLATION),
    FileForbidden: ErrorRow(HTTPStatus.FORBIDDEN, POLICY_VIOLATION),
    NotAFile: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    NotADirectory: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    DirectoryNotEmpty: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    FileTooLarge: ErrorRow(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, POLICY_VIOLATION),
    DiskFull: ErrorRow(HTTPStatus.INSUFFICIENT_STORAGE, POLICY_VIOLATION),
    ConditionFailed: ErrorRow(HTTPStatus.PRECONDITION_FAILED, POLICY_VIOLATION),
    RangeOutside: ErrorRow(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, POLICY_VIOLATION),
    NotForkable: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    OperationFailed: ErrorRow(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, announced=True),
    NotCarried: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    CheckpointNotFound: ErrorRow(HTTPStatus.NOT_FOUND, POLICY_VIOLATION),
    CheckpointExists: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    CheckpointsFull: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION, announced=True),
    NothingToUndo: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    NoStateDirectory: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    ArchiveExists: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    ArchiveNotFound: ErrorRow(HTTPStatus.NOT_FOUND, POLICY_VIOLATION),
    NotSavedWhole: ErrorRow(HTTPStatus.CONFLICT, POLICY_VIOLATION),
    ServerShuttingDown: ErrorRow(HTTPStatus.SERVICE_UNAVAILABLE, GOING_AWAY, announced=True, headers=RETRY_SOON),
}


def row_of(error: InterpreterError) -> ErrorRow:
    """Return the row of ``error``, which may be the row of a base."""
    return dialect.row(ROWS, error)


def error_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return how a client of plain HTTP sees ``error``."""
    if isinstance(error, HttpError):
        return ErrorAnswer(error.status, error_body(error.text, error.code))
    shown = row_of(error)
    headers = {**shown.headers}
    if isinstance(error, RangeOutside):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"  # RFC 9110, section 15.5.17
    return ErrorAnswer(shown.status, error_body(sentence(error), error.code, **_details(error)), headers)


def closing_after(error: InterpreterError) -> Closing:
    """Return how a WebSocket closes because of ``error``."""
    return Closing(row_of(error).close_code, close_reason(str(error)))


def sentence(error: InterpreterError) -> str:
    """Return ``error`` as the sentence that a REST client reads."""
    if isinstance(error, InvalidLimit):
        return limit_sentence(error)
    text = str(error)
    if type(error) in (MalformedRequest, InvalidRequest, InvalidPath):  # they begin with the name of a key
        return text
    return text[:1].upper() + text[1:]


def _details(error: InterpreterError) -> dict[str, object]:
    """Return the keys that an error has besides its sentence and its code; for most none."""
    if isinstance(error, NotCarried):
        return {"notCarried": lost_body(error.lost)}
    if isinstance(error, NotSavedWhole):
        return {"skipped": [{"name": name, "reason": reason} for name, reason in error.skipped]}
    return {}


def error_body(message: str, code: str, **details: object) -> bytes:
    """Return the JSON body of every error."""
    # It may quote a header that is no UTF-8: aiohttp makes lone surrogates of such bytes, which no JSON can hold.
    text = cut(message, SENTENCE_LIMIT_CHARS).encode(errors="backslashreplace").decode()
    return orjson.dumps({"error": text, "code": code, **details})
