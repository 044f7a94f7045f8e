"""The form of errors."""

from typing import Any

import orjson
import pytest

from interpreterd.dialects.opensandbox.errors import error_answer, refused
from interpreterd.http.errors import INTERNAL
from interpreterd.model.errors import (
    BodyTooLarge,
    ContextNotFound,
    Forbidden,
    InvalidRequest,
    LimitReached,
    UnsupportedLanguage,
    WorkerStartFailed,
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ContextNotFound("it"), 404, "CONTEXT_NOT_FOUND"),
        (InvalidRequest("it"), 400, "INVALID_REQUEST_BODY"),
        (BodyTooLarge(1), 413, "INVALID_REQUEST_BODY"),
        (UnsupportedLanguage(), 400, "NOT_SUPPORTED"),
        (WorkerStartFailed("why"), 500, "RUNTIME_ERROR"),
        (Forbidden("host not allowed"), 403, "FORBIDDEN"),
        (LimitReached("l"), 503, "LIMIT_REACHED"),
        (INTERNAL, 500, "INTERNAL_ERROR"),
    ],
    ids=lambda it: type(it).__name__,
)
def test_an_error_has_a_status_a_code_and_a_sentence(error: Any, status: int, code: str) -> None:
    answer = error_answer(error)
    body = orjson.loads(answer.body)
    assert (answer.status, body["code"], bool(body["message"])) == (status, code, True)
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_what_no_json_can_hold_is_escaped() -> None:
    assert orjson.loads(error_answer(ContextNotFound("\udc80")).body)["message"] == "context not found: \\udc80"


def test_a_refusal_is_an_answer() -> None:
    assert refused(400, "MISSING_QUERY", "m").body == b'{"code":"MISSING_QUERY","message":"m"}'  # type: ignore[arg-type]
