"""Errors as E2B's server has them: plain text, and JSON of a list of details if a body is wrong.

The SDKs raise ``NotFoundException`` for status 404, ``TimeoutException`` for 502, and ``SandboxException`` with the
text for all others.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web

from interpreterd.dialects import dialect
from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.http.errors import RETRY_SOON, ErrorAnswer, HttpError
from interpreterd.model.access_errors import QuotaReached, TooManyAttempts, Unauthorized
from interpreterd.model.errors import (
    SENTENCE_LIMIT_CHARS,
    BodyTooLarge,
    BodyTooSlow,
    ContextNotFound,
    DefaultContextKept,
    Forbidden,
    InterpreterError,
    InvalidRequest,
    LimitReached,
    MalformedRequest,
    OutOfResources,
    ServerShuttingDown,
    UnsupportedEncoding,
    cut,
)

PLAIN: Final = "text/plain"
STATUSES: Final[Mapping[type[InterpreterError], HTTPStatus]] = {
    InterpreterError: HTTPStatus.INTERNAL_SERVER_ERROR,
    MalformedRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    UnsupportedEncoding: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    DefaultContextKept: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    Forbidden: HTTPStatus.FORBIDDEN,
    ContextNotFound: HTTPStatus.NOT_FOUND,
    LimitReached: HTTPStatus.SERVICE_UNAVAILABLE,
    QuotaReached: HTTPStatus.TOO_MANY_REQUESTS,
    OutOfResources: HTTPStatus.SERVICE_UNAVAILABLE,
    ServerShuttingDown: HTTPStatus.SERVICE_UNAVAILABLE,
}


_COME_AGAIN: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


class Refusal(Exception):
    """An answer of this dialect in place of the one that was asked for; ``answering`` sends it.

    It is no ``InterpreterError``: those are the daemon's, and every dialect has a form for them.
    """

    def __init__(self, answer: ErrorAnswer) -> None:
        super().__init__(f"{answer.status} {answer.body[:200]!r}")
        self.answer = answer


_H = Callable[[Sandbox, web.Request], Awaitable[web.StreamResponse]]


def answering(handler: _H) -> _H:
    """Return ``handler`` with its refusals as answers."""

    @functools.wraps(handler)
    async def answer(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(sandbox, request)
        except Refusal as refused:
            return refused.answer.response()

    return answer


def refusal(status: int, sentence: str) -> Refusal:
    """Return a refusal in plain text."""
    return Refusal(_text(status, cut(sentence, SENTENCE_LIMIT_CHARS)))


def not_found(context_id: str) -> Refusal:
    """Return the refusal for a context that does not exist."""
    return refusal(HTTPStatus.NOT_FOUND, f"Context {context_id} not found")


def unprocessable(kind: str, place: tuple[str, ...], must: str) -> Refusal:
    """Return the refusal for a body of which a part is wrong, as FastAPI tells it; without the value.

    ``kind`` is the name of the rule, as pydantic has it, and ``place`` is where the part is.
    """
    # It may quote a header that is no UTF-8: aiohttp makes lone surrogates of such bytes, which no JSON can hold.
    text = must.encode(errors="backslashreplace").decode()
    body = {"detail": [{"type": kind, "loc": ["body", *place], "msg": text}]}
    return Refusal(ErrorAnswer(HTTPStatus.UNPROCESSABLE_ENTITY, orjson.dumps(body)))


def error_answer(error: InterpreterError | HttpError) -> ErrorAnswer:
    """Return how a client sees ``error``."""
    if isinstance(error, HttpError):
        return _text(error.status, error.text)
    status = dialect.row(STATUSES, error)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return unprocessable("value_error", (), str(error)).answer
    sentence = str(error)
    headers = RETRY_SOON if status in _COME_AGAIN else {}
    return _text(status, sentence[:1].upper() + sentence[1:], headers)


def _text(status: int, sentence: str, headers: Mapping[str, str] = {}) -> ErrorAnswer:
    return ErrorAnswer(status, sentence.encode(errors="backslashreplace"), headers, PLAIN)
