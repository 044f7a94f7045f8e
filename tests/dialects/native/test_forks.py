"""Requests for forks and checkpoints."""

import pytest

from interpreterd.dialects.native.forks import parse_fork, parse_name
from interpreterd.model.errors import InterpreterError
from interpreterd.model.forks import ForkContext


def test_every_key_of_a_fork_may_be_absent() -> None:
    assert parse_fork({}) == ForkContext()
    asked = {"count": 3, "metadata": {"a": "b"}, "cwd": "copy", "strict": True}
    assert parse_fork(asked) == ForkContext(count=3, metadata={"a": "b"}, cwd="copy", strict=True)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 64"),
        ({"count": 65}, "count must be a whole number from 1 to 64"),
        ({"count": "2"}, "count must be"),
        ({"cwd": "elsewhere"}, "cwd must be"),
        ({"strict": 1}, "strict must be"),
        ({"metadata": []}, "metadata must be"),
        ([], "the body must be a JSON object"),
    ],
)
def test_a_bad_fork_is_refused_in_one_sentence(body: object, sentence: str) -> None:
    with pytest.raises(InterpreterError, match=sentence):
        parse_fork(body)


def test_a_name_is_bounded_and_may_be_absent() -> None:
    assert parse_name({}, "name", 3) == ""
    assert parse_name({"name": "abc"}, "name", 3) == "abc"
    with pytest.raises(InterpreterError, match="name must be at most 3 characters long"):
        parse_name({"name": "abcd"}, "name", 3)
