"""The table of errors is total, and its rows are exactly those of the contract."""

import gc
import json
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from interpreterd.client import ClientError
from interpreterd.client import errors as client_errors
from interpreterd.dialects.native.errors import ROWS, closing_after, error_answer, row_of, sentence
from interpreterd.dialects.native.events import closing
from interpreterd.http.closing import Closing
from interpreterd.http.errors import ErrorAnswer, HttpError
from interpreterd.model import errors
from interpreterd.model.errors import (
    ContextDeleted,
    ContextNotFound,
    ExecutionInterrupted,
    ExecutionTimedOut,
    InterpreterError,
    InvalidRequest,
    LimitExceeded,
    LimitReached,
    MalformedRequest,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.model.events import Failure, Finished, Outcome


def subclasses(kind: type[InterpreterError]) -> Iterator[type[InterpreterError]]:
    """Yield all kinds of errors but those of other dialects, which no other dialect shows."""
    for child in kind.__subclasses__():
        if ".dialects." in child.__module__:
            continue
        yield child
        yield from subclasses(child)


def test_every_error_has_a_row_or_a_base_that_is_more_than_an_error() -> None:
    assert [kind for kind in subclasses(InterpreterError) if not (set(kind.__mro__[:-4]) & set(ROWS))] == []
    assert set(ROWS) <= {InterpreterError, *subclasses(InterpreterError)}


def test_an_error_without_a_row_looks_like_its_base() -> None:
    class Toy(LimitReached):
        pass

    class NewToy(InterpreterError):
        code = "new_toy"

    try:
        assert row_of(Toy("t")) is ROWS[LimitReached]
        assert error_answer(Toy("no toys")) == ErrorAnswer(
            503, b'{"error":"No toys","code":"limit_reached"}', {"Retry-After": "1"}
        )
        assert closing_after(Toy("no toys")) == Closing(1008, b"no toys")
        assert error_answer(NewToy("t")) == ErrorAnswer(500, b'{"error":"T","code":"new_toy"}')
    finally:
        del Toy, NewToy
        gc.collect()  # otherwise other tests would find them among the subclasses


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [kind.__dict__["code"] for kind in subclasses(InterpreterError) if "code" in kind.__dict__]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_every_row_is_an_error_to_http_and_a_legal_close() -> None:
    for shown in ROWS.values():
        assert shown.status >= 400
        # RFC 6455, section 7.4: 1005, 1006 and 1015 never go over the wire
        assert shown.close_code in {1000, 1001, 1002, 1008, 1009, 1011} or 4000 <= shown.close_code < 5000


def drawn(text: str) -> dict[str, str]:
    """Return the parent of each name in a drawn tree. A branch is four characters wide."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in text.splitlines():
        if match := re.fullmatch(r"    (?P<branch>(?:[│ ]   )*[├└]── |)(?P<name>[A-Z]\w*)(?:  .*)?", line):
            depth = len(match["branch"]) // 4
            path = [*path[:depth], match["name"]]
            if depth:
                parents[match["name"]] = path[depth - 1]
    return parents


def tree(base: type[Exception]) -> dict[str, str]:
    """Return the parent of each exception below ``base``, without those of dialects and commands."""
    below = [child for child in base.__subclasses__() if not {"dialects", "cli"} & {*child.__module__.split(".")}]
    return {child.__name__: base.__name__ for child in below} | {
        name: parent for child in below for name, parent in tree(child).items()
    }


@pytest.mark.parametrize(
    ("module", "base"), [(errors, InterpreterError), (client_errors, ClientError)], ids=["daemon", "client"]
)
def test_the_tree_in_the_docstring_is_the_tree(module: ModuleType, base: type[Exception]) -> None:
    assert module.__doc__ is not None
    assert drawn(module.__doc__) == tree(base)


def test_a_tree_that_is_drawn_wrongly_would_be_found() -> None:
    text = "A tree.\n\n    A\n    ├── B        why\n    │   └── C\n    └── D\n        └── E\n"
    assert drawn(text) == {"B": "A", "C": "B", "D": "A", "E": "D"}
    assert errors.__doc__ is not None
    for name, parent in tree(InterpreterError).items():
        forgotten = "\n".join(line for line in errors.__doc__.splitlines() if f" {name}" not in f"{line} ")
        assert drawn(forgotten) != tree(InterpreterError), (name, parent)


CONTRACT = [
    (ExecutionTimedOut("t"), 4008),
    (ExecutionInterrupted("i"), 1000),
    (ContextNotFound("c"), 1008),
    (WorkerStartFailed("w"), 1011),
    (ContextDeleted("c"), 1001),
    (ServerShuttingDown(), 1001),
    (MalformedRequest("m"), 1002),
    (InvalidRequest("i"), 1008),
    (LimitReached("l"), 1008),
    (LimitExceeded("l"), 1008),
]


@pytest.mark.parametrize(("error", "close_code"), CONTRACT, ids=lambda value: type(value).__name__)
def test_close_codes_of_the_contract(error: InterpreterError, close_code: int) -> None:
    finished = Finished(outcome=Outcome.LOST, cause=error)
    assert closing(finished) == Closing(close_code, str(error).encode())
    assert closing_after(error) == Closing(close_code, str(error).encode())


def test_an_execution_that_ended_by_itself_closes_normally() -> None:
    assert closing(Finished(outcome=Outcome.COMPLETED, error=Failure(name="E", value=""))) == Closing(1000)


def test_a_rest_client_reads_a_sentence() -> None:
    assert sentence(ContextNotFound("Abc")) == "Context not found: Abc"
    assert json.loads(error_answer(ContextNotFound("Abc")).body) == {
        "error": "Context not found: Abc",
        "code": "context_not_found",
    }


def test_what_goes_wrong_in_http_looks_as_every_error() -> None:
    error = HttpError(404, "not_found", "Not Found: GET /\udcff")
    assert error_answer(error) == ErrorAnswer(404, b'{"error":"Not Found: GET /\\\\udcff","code":"not_found"}')
