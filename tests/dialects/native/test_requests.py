"""Requests are checked at the edge: a value, or an error that names the key and what it must be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.dialects.native.errors import sentence
from interpreterd.dialects.native.limits import limits_body
from interpreterd.dialects.native.requests import ExecuteMessage, parse_change, parse_create, parse_execute
from interpreterd.model.errors import InvalidRequest, MalformedRequest, UnsupportedLanguage
from interpreterd.model.limits import Limits
from interpreterd.model.requests import (
    DEFAULT_TIMEOUT_S,
    ID_LIMIT_CHARS,
    TIMEOUT_LIMIT_S,
    ChangeContext,
    CreateContext,
    Execute,
)
from interpreterd.setting_kinds import LEAST_DISK_BYTES, LEAST_MEMORY_BYTES, LEAST_OPEN_FILES

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
KEYS = ["code", "contextId", "timeout", "envs", "cwd", "language", "limits", "metadata", "later"]
LIMITS = [
    "memoryBytes",
    "cpuSeconds",
    "outputBytes",
    "processes",
    "queued",
    "executionSeconds",
    "idleTimeoutSeconds",
    "maxLifetimeSeconds",
    "codeBytes",
    "openFiles",
    "diskBytes",
    "later",
]
limits = st.dictionaries(st.sampled_from(LIMITS), scalars)


@given(
    anything
    | st.dictionaries(st.sampled_from(KEYS), anything | limits | st.just("python") | st.just("pass") | st.just(1))
)
def test_anything_is_a_request_or_an_error(value: Any) -> None:
    for parse, request in (
        (parse_execute, ExecuteMessage),
        (parse_create, CreateContext),
        (parse_change, ChangeContext),
    ):
        try:
            parsed = parse(value)
        except (MalformedRequest, InvalidRequest):
            continue
        assert isinstance(parsed, request)
        assert request is not ExecuteMessage or value["code"]


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_a_request_is_an_object(value: object) -> None:
    with pytest.raises(MalformedRequest, match=r"^the message must be a JSON object$"):
        parse_execute(value)
    with pytest.raises(MalformedRequest, match=r"^the body must be a JSON object$"):
        parse_create(value)


WRONG_TYPES = [
    ({"code": 1}, "code must be a string"),
    ({"code": ["x"]}, "code must be a string"),
    ({"code": "x", "contextId": 5}, "contextId must be a string"),
    ({"code": "x", "contextId": False}, "contextId must be a string"),
    ({"code": "x", "timeout": "5"}, "timeout must be a whole number"),
    ({"code": "x", "timeout": 1.5}, "timeout must be a whole number"),
    ({"code": "x", "timeout": True}, "timeout must be a whole number"),
    ({"code": "x", "timeout": []}, "timeout must be a whole number"),
    ({"code": "x", "envs": []}, "envs must be an object whose values are strings"),
    ({"code": "x", "envs": {"A": 1}}, "envs must be an object whose values are strings"),
    ({"code": "x", "envs": {"A": None}}, "envs must be an object whose values are strings"),
]


@pytest.mark.parametrize(("value", "reason"), WRONG_TYPES)
def test_a_wrong_type_is_named(value: object, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=f"^{reason}$"):
        parse_execute(value)


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    timeout_s = parse_execute({"code": "x", "timeout": 30.0}).execute.timeout_s
    memory_bytes = parse_create({"limits": {"memoryBytes": 1e9}}).limits.memory_bytes
    assert [(30, int), (10**9, int)] == [(timeout_s, type(timeout_s)), (memory_bytes, type(memory_bytes))]


@pytest.mark.parametrize(("value", "key"), [({"cwd": 1}, "cwd"), ({"language": ["python"]}, "language")])
def test_a_wrong_type_in_a_context_is_named(value: object, key: str) -> None:
    with pytest.raises(MalformedRequest, match=f"^{key} must be a string$"):
        parse_create(value)


@pytest.mark.parametrize(
    ("given_limits", "reason"),
    [
        ([], "limits must be a JSON object"),
        ({"memoryBytes": 1e9 + 0.5}, "limits.memoryBytes must be a whole number"),
        ({"memoryBytes": "1G"}, "limits.memoryBytes must be a whole number"),
        ({"queued": True}, "limits.queued must be a whole number"),
        ({"cpuSeconds": "1"}, "limits.cpuSeconds must be a number"),
        ({"cpuSeconds": True}, "limits.cpuSeconds must be a number"),
    ],
)
def test_a_wrong_type_in_limits_is_named(given_limits: object, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=f"^{reason}$"):
        parse_create({"limits": given_limits})


@pytest.mark.parametrize(
    ("key", "value", "least"),
    [
        ("memoryBytes", LEAST_MEMORY_BYTES - 1, "at least 16777216"),
        ("cpuSeconds", 0, "more than 0"),
        ("cpuSeconds", float("nan"), "more than 0"),
        ("cpuSeconds", float("inf"), "more than 0"),
        ("outputBytes", 0, "at least 1"),
        ("processes", -1, "at least 1"),
        ("queued", 0, "at least 1"),
        ("codeBytes", 10**400, "at least 1"),
        ("executionSeconds", 0, "more than 0"),
        ("idleTimeoutSeconds", -1, "more than 0"),
        ("maxLifetimeSeconds", float("inf"), "more than 0"),
        ("diskBytes", LEAST_DISK_BYTES - 1, "at least 65536"),
        ("openFiles", LEAST_OPEN_FILES - 1, "at least 32"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(key: str, value: float, least: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_create({"limits": {key: value}})
    assert sentence(caught.value) == f"limits.{key} must be {least} and at most {2**53}"


def test_every_limit_arrives() -> None:
    value = {
        "memoryBytes": LEAST_MEMORY_BYTES,
        "cpuSeconds": 0.5,
        "outputBytes": 1,
        "processes": 2,
        "queued": 3,
        "executionSeconds": 4.5,
        "idleTimeoutSeconds": 60,
        "maxLifetimeSeconds": 0.25,
        "codeBytes": 2**53,
        "openFiles": 100,
        "diskBytes": LEAST_DISK_BYTES,
    }
    parsed = parse_create({"limits": value}).limits
    assert parsed == Limits(
        memory_bytes=LEAST_MEMORY_BYTES,
        cpu_s=0.5,
        output_bytes=1,
        processes=2,
        queued=3,
        execution_s=4.5,
        idle_s=60,
        lifetime_s=0.25,
        code_bytes=2**53,
        open_files=100,
        disk_bytes=LEAST_DISK_BYTES,
    )
    assert limits_body(parsed) == value


IMPOSSIBLE = [
    ({}, "code must not be empty"),
    ({"code": ""}, "code must not be empty"),
    ({"code": None}, "code must not be empty"),
    ({"code": "x", "timeout": -1}, "timeout must be"),
    ({"code": "x", "timeout": TIMEOUT_LIMIT_S + 1}, "timeout must be"),
    ({"code": "x", "timeout": 10**400}, "timeout must be"),
    ({"code": "x", "contextId": "i" * (ID_LIMIT_CHARS + 1)}, f"contextId must be at most {ID_LIMIT_CHARS} characters"),
    ({"code": "x", "envs": {"": "1"}}, "envs must have names"),
    ({"code": "x", "envs": {"A=B": "1"}}, "envs must have names"),
    ({"code": "x", "envs": {"A\0": "1"}}, "envs must have names"),
    ({"code": "x", "envs": {"A": "\0"}}, "envs must have names"),
]


@pytest.mark.parametrize(("value", "reason"), IMPOSSIBLE)
def test_a_value_that_cannot_be_is_refused(value: object, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{reason}"):
        parse_execute(value)


def test_null_is_absent() -> None:
    plain = ExecuteMessage(Execute(code="x"))
    assert parse_execute({"code": "x", "contextId": None, "timeout": None, "envs": None}) == plain
    assert parse_execute({"code": "x"}) == plain
    assert parse_create({"cwd": None, "language": None}) == parse_create({}) == CreateContext()


def test_unknown_keys_are_ignored() -> None:
    assert parse_create({"limits": {"later": "x", "queued": None}}) == CreateContext()
    assert parse_execute({"code": "x", "later": {"deep": [1]}}).execute == Execute(code="x")
    assert parse_create({"later": 1}) == CreateContext()


@pytest.mark.parametrize(("timeout", "timeout_s"), [(0, None), (1, 1), (TIMEOUT_LIMIT_S, TIMEOUT_LIMIT_S)])
def test_timeout(timeout: int, timeout_s: int | None) -> None:
    assert parse_execute({"code": "x", "timeout": timeout}).execute.timeout_s == timeout_s
    assert parse_execute({"code": "x"}).execute.timeout_s == DEFAULT_TIMEOUT_S == 600


def test_every_key_arrives() -> None:
    value = {"code": "x", "contextId": "c", "timeout": 3, "envs": {"A": "1", "é": ""}}
    assert parse_execute(value).execute == Execute(code="x", context_id="c", timeout_s=3, envs={"A": "1", "é": ""})
    assert parse_create({"cwd": "/tmp", "language": "python"}) == CreateContext(cwd="/tmp")


def test_an_empty_string_is_the_default() -> None:
    assert parse_execute({"code": "x", "contextId": ""}).execute.context_id is None
    assert parse_create({"cwd": "", "language": ""}) == CreateContext()


@pytest.mark.parametrize("language", ["javascript", "Python", "python3", " "])
def test_the_language_is_python(language: str) -> None:
    with pytest.raises(UnsupportedLanguage, match=r"^Unsupported language\. Only 'python' is supported\.$"):
        parse_create({"language": language})


def test_the_form_of_the_answer_is_the_dialects_own() -> None:
    asked = parse_execute({"code": "x", "events": "v2", "background": True})
    assert (asked.execute, asked.numbered, asked.background) == (Execute(code="x"), True, True)
