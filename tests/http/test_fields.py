"""The keys of a client's JSON have a value of the right type, or the error names the key."""

import logging
from codecs import BOM_UTF8, BOM_UTF16_LE
from typing import Any

import pytest

from interpreterd.http.fields import (
    ENVS_LIMIT_BYTES,
    as_whole,
    choice,
    decode_json,
    environment,
    flag,
    json_object,
    names,
    seconds,
    string,
    whole_number,
)
from interpreterd.model.errors import InvalidRequest, MalformedRequest


@pytest.mark.parametrize("data", [b'{"a":1}', BOM_UTF8 + b'{"a":1}', '{"a":1}', '\ufeff{"a":1}'], ids=ascii)
def test_json_may_begin_with_a_mark(data: bytes | str) -> None:
    assert decode_json(data, "the body") == {"a": 1}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", BOM_UTF16_LE + b"{\0}\0", b"[" * 200_000, b'"\\ud800"'])
def test_what_is_no_json_is_named(data: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"^the body must be JSON"):
        decode_json(data, "the body")


def test_an_object_has_its_known_keys_that_are_not_null(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert json_object({"a": 1, "b": None, "c": 3, "d": 4}, "it", {"a", "b", "c"}) == {"a": 1, "c": 3}
    assert "it has unknown keys: ['d']" in caplog.text
    many: dict[str, object] = dict.fromkeys(map(str, range(1000)), 0) | {"a": 1}
    assert json_object(many, "it", {"a", "b"}) == {"a": 1}
    with pytest.raises(MalformedRequest, match=r"^it must be a JSON object$"):
        json_object([], "it", {"a"})


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (string, "x", "x"),
        (string, None, None),
        (flag, True, True),
        (flag, None, False),
        (names, ["b", "a", "b"], {"a", "b"}),
        (names, None, None),
        (whole_number, 30.0, 30),
        (whole_number, None, None),
        (seconds, 1, 1.0),
        (seconds, 0.5, 0.5),
        (seconds, None, None),
        (environment, {"A": ""}, {"A": ""}),
        (environment, None, {}),
    ],
)
def test_a_value_of_the_right_type_is_read(read: Any, value: object, found: object) -> None:
    assert read({} if value is None else {"key": value}, "key") == found


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [
        (string, 1, "a string"),
        (flag, 1, "true or false"),
        (names, "a", "a list of strings"),
        (names, [1], "a list of strings"),
        (whole_number, 1.5, "a whole number"),
        (whole_number, True, "a whole number"),
        (seconds, "1", "a number"),
        (seconds, False, "a number"),
        (environment, [], "an object whose values are strings"),
        (environment, {"A": 1}, "an object whose values are strings"),
    ],
)
def test_a_wrong_type_is_named(read: Any, value: object, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=rf"^key must be {reason}$"):
        read({"key": value}, "key")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (seconds, -1),
        (seconds, float("nan")),
        (seconds, 2**32),
        (environment, {"": "1"}),
        (environment, {"A=B": "1"}),
        (environment, {"A": "\0"}),
        (environment, {"A": "x" * ENVS_LIMIT_BYTES}),
    ],
)
def test_a_value_that_cannot_be_is_refused(read: Any, value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^key must be|^key must have"):
        read({"key": value}, "key")


def test_a_choice_is_one_of_those_there_are() -> None:
    assert choice({}, "key", ("a", "b")) == "a"
    assert choice({"key": "b"}, "key", ("a", "b")) == "b"
    with pytest.raises(InvalidRequest, match=r"^key must be one of a, b$"):
        choice({"key": "c"}, "key", ("a", "b"))


@pytest.mark.parametrize(("value", "whole"), [(1, 1), (1.0, 1), (1.5, None), (True, None), ("1", None)])
def test_a_whole_number_may_be_written_with_a_fraction_of_zero(value: object, whole: int | None) -> None:
    assert as_whole(value) == whole
    assert type(as_whole(value)) is type(whole)
