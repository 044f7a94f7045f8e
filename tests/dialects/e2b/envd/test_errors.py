"""Errors have a code of Connect and a status of HTTP."""

import json

import pytest

from interpreterd.dialects.e2b.envd.errors import EnvdRefused, code_of, connect_body, files_body, status_of
from interpreterd.http.errors import HttpError
from interpreterd.model.errors import (
    BodyTooLarge,
    BodyTooSlow,
    InterpreterError,
    InvalidRequest,
    InvalidWorkingDirectory,
    LimitReached,
    MalformedRequest,
    ServerShuttingDown,
    UnsupportedEncoding,
)
from interpreterd.model.file_errors import ConditionFailed, FileTooLarge


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (EnvdRefused("not_found", "x"), "not_found", 404),
        (EnvdRefused("no_space", "x"), "resource_exhausted", 507),
        (EnvdRefused("what the helper has made up", "x"), "internal", 500),
        (MalformedRequest("x"), "invalid_argument", 400),
        (InvalidRequest("x"), "invalid_argument", 400),
        (InvalidWorkingDirectory("x"), "invalid_argument", 400),
        (BodyTooLarge(1), "resource_exhausted", 413),
        (BodyTooSlow(), "deadline_exceeded", 408),
        (UnsupportedEncoding(), "unimplemented", 415),
        (LimitReached("x"), "resource_exhausted", 429),
        (ConditionFailed("x"), "failed_precondition", 412),
        (FileTooLarge("x"), "resource_exhausted", 413),
        (ServerShuttingDown(), "unavailable", 503),
        (InterpreterError("x"), "internal", 500),
    ],
)
def test_codes_and_statuses(error: InterpreterError, code: str, status: int) -> None:
    assert (code_of(error), status_of(error)) == (code, status)


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (415, "invalid_argument"), (500, "internal")])
def test_errors_of_http_itself(status: int, code: str) -> None:
    assert code_of(HttpError(status, "x", "x")) == code


def test_a_sentence_stays_a_sentence() -> None:
    assert str(EnvdRefused("not_found", "file not found: x")) == "file not found: x"
    assert json.loads(connect_body("not_found", "a \udcff b")) == {"code": "not_found", "message": "a \\udcff b"}
    assert json.loads(files_body(404, "x")) == {"code": 404, "message": "x"}
