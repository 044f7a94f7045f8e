"""The table of errors is total, and what clients see is exactly what the contract says."""

import gc
import json
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from interpreterd.client import ClientError
from interpreterd.client import errors as client_errors
from interpreterd.dialects.native.errors import ROWS, closing_after, error_answer, row_of, sentence
from interpreterd.dialects.native.v1 import closing, render
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
from interpreterd.model.events import (
    EVENT_LIMIT_CHARS,
    Event,
    Failure,
    Finished,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
    Stream,
)


def subclasses(kind: type[InterpreterError]) -> Iterator[type[InterpreterError]]:
    for child in kind.__subclasses__():
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
        gc.collect()  # or other tests would find them among the subclasses


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [kind.__dict__["code"] for kind in subclasses(InterpreterError)]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_every_row_is_an_error_to_http_and_a_legal_close() -> None:
    for shown in ROWS.values():
        assert shown.status >= 400
        # RFC 6455, section 7.4: 1005, 1006 and 1015 never go over the wire
        assert shown.close_code in {1000, 1001, 1002, 1008, 1009, 1011} or 4000 <= shown.close_code < 5000


def drawn(text: str) -> dict[str, str]:
    """Return the parent of each name in a drawing of a tree, whose branches are four characters wide."""
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
    """Return the parent of each exception below ``base``."""
    below = base.__subclasses__()
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


FAILURE = Failure(name="E", value="v")
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


RENDERED: list[tuple[Event, bytes | None]] = [
    (Output(stream=Stream.STDOUT, text='a"\n'), b'{"type":"stdout","text":"a\\"\\n"}'),
    (Output(stream=Stream.STDERR, text="é"), '{"type":"stderr","text":"é"}'.encode()),
    (
        Output(stream=Stream.STDOUT, text="\ufffd\ufffd", replaced=1),
        '{"type":"stdout","text":"\ufffd\ufffd","replaced":1}'.encode(),
    ),
    (Queued(ahead=1), None),
    (Started(), None),
    (Restarted(), b'{"type":"control","text":"restarted"}'),
    (InputRequest(prompt="name? ", password=False), None),
    (
        Raised(error=Failure(name="E", value="v", traceback="t\n")),
        b'{"type":"error","name":"E","value":"v","traceback":"t\\n"}',
    ),
    (Finished(outcome=Outcome.COMPLETED), b'{"type":"control","text":"completed"}'),
    (Finished(outcome=Outcome.LOST, error=FAILURE), b'{"type":"control","text":"completed"}'),
    (
        Finished(outcome=Outcome.INTERRUPTED, error=FAILURE, cause=ExecutionTimedOut("v")),
        b'{"type":"control","text":"interrupted"}',
    ),
    (
        Finished(outcome=Outcome.CANCELLED, error=FAILURE, cause=ExecutionInterrupted("v")),
        b'{"type":"control","text":"interrupted"}',
    ),
    (Finished(outcome=Outcome.LOST, error=FAILURE, cause=ContextDeleted("c")), None),
    (Finished(outcome=Outcome.CANCELLED, error=FAILURE, cause=WorkerStartFailed("why")), None),
]


@pytest.mark.parametrize(("event", "message"), RENDERED)
def test_events_are_the_bytes_of_the_contract(event: Event, message: bytes | None) -> None:
    assert render(event) == message


@pytest.mark.parametrize("character", ["\0", "é", "😀", '"', "x", "\x7f"])
def test_the_longest_messages_stay_below_one_mib(character: str) -> None:
    message = render(Output(stream=Stream.STDERR, text=character * EVENT_LIMIT_CHARS))
    assert message is not None
    assert len(message) < 1 << 20


def test_a_rest_client_reads_a_sentence() -> None:
    assert sentence(ContextNotFound("Abc")) == "Context not found: Abc"
    assert json.loads(error_answer(ContextNotFound("Abc")).body) == {
        "error": "Context not found: Abc",
        "code": "context_not_found",
    }


def test_what_goes_wrong_in_http_looks_as_every_error() -> None:
    error = HttpError(404, "not_found", "Not Found: GET /\udcff")
    assert error_answer(error) == ErrorAnswer(404, b'{"error":"Not Found: GET /\\\\udcff","code":"not_found"}')
