"""The one table of errors is total, and what clients see is exactly what the contract says."""

import json
import re
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interpreterd.client import ClientError
from interpreterd.client import errors as client_errors
from interpreterd.dialects.native.errors import FACES, REASON_LIMIT_BYTES, close_reason, error_body, sentence
from interpreterd.dialects.native.v1 import Closing, closing, refusal, render
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
from interpreterd.model.requests import ID_LIMIT_CHARS


def subclasses(kind: type[InterpreterError]) -> Iterator[type[InterpreterError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_has_a_face_and_every_face_an_error() -> None:
    assert set(FACES) == set(subclasses(InterpreterError))


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [face.code for face in FACES.values()]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_every_face_is_an_error_to_http_and_a_legal_close() -> None:
    for face in FACES.values():
        assert face.status >= 400
        # RFC 6455, section 7.4: 1005, 1006 and 1015 never go over the wire
        assert face.close_code in {1000, 1001, 1002, 1008, 1009, 1011} or 4000 <= face.close_code < 5000


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
    assert refusal(error)[1] == Closing(close_code, str(error).encode())


def test_an_execution_that_ended_by_itself_closes_normally() -> None:
    assert closing(Finished(outcome=Outcome.COMPLETED, error=Failure(name="E", value=""))) == Closing(1000)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@example("x" * 122 + "é")
@example("x" * 123)
@example("x" * 121 + "😀")
@example("😀" * 40)
def test_a_close_reason_fits_and_cuts_no_character(text: str) -> None:
    reason = close_reason(text)
    assert len(reason) <= REASON_LIMIT_BYTES == 123
    assert text.startswith(reason.decode())
    assert len(text.encode()) <= 123 or len(reason) > 119


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


def test_a_refusal_is_announced_only_where_the_contract_says_so() -> None:
    assert refusal(MalformedRequest("code must be a string")) == ([], Closing(1002, b"code must be a string"))
    assert refusal(ContextNotFound("x")) == (
        [b'{"type":"error","name":"ContextError","value":"context not found: x","traceback":""}'],
        Closing(1008, b"context not found: x"),
    )


@pytest.mark.parametrize("character", ["\0", "é", "😀", '"', "x", "\x7f"])
def test_the_longest_messages_stay_below_one_mib(character: str) -> None:
    message = render(Output(stream=Stream.STDERR, text=character * EVENT_LIMIT_CHARS))
    assert message is not None
    (refused,), _ = refusal(ContextNotFound(character * ID_LIMIT_CHARS))
    assert max(len(message), len(refused)) < 1 << 20


def test_a_rest_client_reads_a_sentence() -> None:
    assert sentence(ContextNotFound("Abc")) == "Context not found: Abc"
    assert json.loads(json.dumps(error_body("Context not found: Abc", "context_not_found"))) == {
        "error": "Context not found: Abc",
        "code": "context_not_found",
    }
