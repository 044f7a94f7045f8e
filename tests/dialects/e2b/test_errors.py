"""Errors in E2B's form."""

import json

import pytest

from interpreterd.dialects.e2b.errors import error_answer, refusal, unprocessable
from interpreterd.http.errors import HttpError
from interpreterd.model.errors import ContextNotFound, InterpreterError, InvalidRequest, LimitReached, MalformedRequest


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ContextNotFound("x"), 404, "Context not found: x"),
        (LimitReached("too many"), 503, "Too many"),
        (InterpreterError("oh"), 500, "Oh"),
        (HttpError(404, "not_found", "Not Found: GET /x"), 404, "Not Found: GET /x"),
    ],
)
def test_an_error_is_text(error: InterpreterError | HttpError, status: int, text: str) -> None:
    answer = error_answer(error)
    assert (answer.status, answer.body.decode(), answer.content_type) == (status, text, "text/plain")


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (MalformedRequest("a \ud800"), {"type": "value_error", "loc": ["body"], "msg": "a \\ud800"}),
        (InvalidRequest("b"), {"type": "value_error", "loc": ["body"], "msg": "b"}),
    ],
)
def test_a_wrong_body_has_details(error: InterpreterError, detail: object) -> None:
    answer = error_answer(error)
    assert (answer.status, json.loads(answer.body)) == (422, {"detail": [detail]})


def test_a_refusal_is_text_that_is_not_too_long() -> None:
    answer = refusal(500, "Failed " + "x" * 10_000).answer
    assert (answer.status, answer.body[:8], answer.content_type) == (500, b"Failed x", "text/plain")
    assert len(answer.body) < 3000


def test_a_refused_body_names_its_part() -> None:
    answer = unprocessable("missing", ("code",), "Field required").answer
    detail = {"type": "missing", "loc": ["body", "code"], "msg": "Field required"}
    assert (answer.status, json.loads(answer.body)) == (422, {"detail": [detail]})
