"""Each of the daemon's errors has a code and one sentence for the client."""

from collections.abc import Iterator

import pytest

from interpreterd.model.errors import (
    SENTENCE_LIMIT_CHARS,
    BodyTooLarge,
    ContextDeleted,
    ContextNotFound,
    InterpreterError,
    InvalidLimit,
    InvalidRequest,
    LimitReached,
    NotAcceptable,
    OutOfResources,
    ProtocolError,
    WorkerStartFailed,
    cut,
)


def errors(kind: type[InterpreterError] = InterpreterError) -> Iterator[type[InterpreterError]]:
    """Yield the daemon's error types. Error types that tests define are left out."""
    for child in kind.__subclasses__():
        if child.__module__ == InterpreterError.__module__:
            yield child
        yield from errors(child)


CODED = [kind for kind in errors() if kind is not InvalidLimit]


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: str(kind.__name__))
def test_each_error_has_a_code_of_its_own(kind: type[InterpreterError]) -> None:
    assert "code" in vars(kind)
    assert kind.code.replace("_", "").isalpha()
    assert kind.code.islower()
    assert [other for other in CODED if other.code == kind.code] == [kind]


def test_a_limit_is_to_programs_an_invalid_request() -> None:
    assert InvalidLimit("memory_bytes", "must be more").code == InvalidRequest.code


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ContextNotFound("x"), "context not found: x"),
        (ContextDeleted("x"), "context deleted: x"),
        (BodyTooLarge(5, "`code`"), "`code` is larger than the limit of 5 bytes"),
        (NotAcceptable(["a/b", "c/d"]), "Accept must allow one of a/b, c/d"),
        (LimitReached("no more"), "no more"),
    ],
)
def test_an_error_is_a_sentence(error: InterpreterError, text: str) -> None:
    assert str(error) == text


def test_what_quotes_a_client_is_cut_in_its_middle() -> None:
    shown = str(ContextNotFound("x" * 10_000 + "end"))
    assert len(shown) < SENTENCE_LIMIT_CHARS + 50
    assert shown.startswith("context not found: xxx")
    assert shown.endswith("end")
    assert cut("abcdef", 4) == "ab … 2 characters … ef"
    assert cut("abcd", 4) == "abcd"


def test_what_a_worker_itself_refuses_is_known() -> None:
    assert WorkerStartFailed("why", refused=True).refused
    assert not OutOfResources("why").refused
    assert isinstance(OutOfResources("why"), WorkerStartFailed)


def test_what_a_worker_does_wrong_never_reaches_a_client() -> None:
    assert not issubclass(ProtocolError, InterpreterError)
    assert issubclass(InvalidRequest, InterpreterError)


@pytest.mark.parametrize("error", [ContextDeleted("c"), InvalidLimit("queued", "must be less"), LimitReached("x")])
def test_an_error_that_is_raised_again_is_equal_and_leaves_the_first_as_it_was(error: InterpreterError) -> None:
    with pytest.raises(type(error)) as caught:
        raise error.again()
    assert (str(caught.value), vars(caught.value)) == (str(error), vars(error))
    assert error.__traceback__ is None
