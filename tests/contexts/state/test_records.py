"""Records of contexts: everything comes back, and nothing else is taken for a record."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.contexts.state.records import (
    FORMAT,
    BadRecord,
    ContextRecord,
    NewerRecord,
    parse_record,
    record_body,
)
from interpreterd.model.isolation import IsolationRequest
from interpreterd.model.limits import Limits

FULL = ContextRecord(
    id="c",
    cwd="/tmp/ü",
    created_at=1000.5,
    last_used_at=1001.25,
    metadata={"name": "report"},
    envs={"A": "1"},
    limits=Limits(memory_bytes=1 << 30, cpu_s=1.5, lifetime_s=7),
    isolation=IsolationRequest(profile="strict", network="none", read_paths=("/data",), write_paths=("/out",)),
    tenant="acme",
    begun=3,
    count=4,
    count_before=1,
    archive_id="a",
    forked_from="b",
)


def changed(**values: Any) -> dict[str, Any]:
    return {**record_body(FULL), **values}


def test_everything_that_is_recorded_comes_back() -> None:
    assert {it.name for it in attrs.fields(ContextRecord) if getattr(FULL, it.name) == it.default} == set()
    assert parse_record(json.loads(json.dumps(record_body(FULL)))) == FULL


def test_the_request_that_made_it_comes_back() -> None:
    request = FULL.request()
    assert (request.cwd, request.tenant, request.persistent) == ("/tmp/ü", "acme", True)
    assert (request.limits, request.isolation) == (FULL.limits, FULL.isolation)
    assert (request.envs, request.metadata) == ({"A": "1"}, {"name": "report"})


def test_a_record_of_an_older_daemon_needs_only_what_every_context_has() -> None:
    body = {"format": 1, "id": "c", "cwd": "/", "created_at": 1, "last_used_at": 2}
    assert parse_record(body) == ContextRecord(id="c", cwd="/", created_at=1.0, last_used_at=2.0)


def test_a_record_of_a_newer_daemon_is_told_from_a_damaged_one() -> None:
    with pytest.raises(NewerRecord, match=f"format {FORMAT + 1}, and this one reads {FORMAT}"):
        parse_record(changed(format=FORMAT + 1, limits={"unheard": "of"}))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"format": 0}, "format must be"),
        ({"format": True}, "format must be"),
        ({"id": None}, "id is missing"),
        ({"id": 3}, "id must be a string"),
        ({"cwd": "relative"}, "cwd must be an absolute path"),
        ({"cwd": "/a\0b"}, "cwd must be a string"),
        ({"created_at": "now"}, "created_at must be a number"),
        ({"created_at": 1e300}, "created_at must be a number"),
        ({"last_used_at": True}, "last_used_at must be a number"),
        ({"metadata": {"a": 1}}, "metadata must be an object"),
        ({"metadata": {"a": "x" * 5000}}, "metadata: metadata must be at most"),
        ({"envs": ["A=1"]}, "envs must be an object"),
        ({"envs": {"A=": "1"}}, "envs must have names"),
        ({"envs": {"PYTHONIOENCODING": "latin-1"}}, "envs: envs can set"),
        ({"limits": {"memory_bytes": 1}}, "limits: "),
        ({"limits": {"memory_bytes": True}}, "limits must have a number as memory_bytes"),
        ({"limits": {"more": 1}}, "limits must be an object"),
        ({"isolation": {"profile": "loose"}}, "isolation must have one of"),
        ({"isolation": {"profile": []}}, "isolation must have one of"),
        ({"isolation": {"ports": [0]}}, "isolation: ports"),
        ({"isolation": {"ports": "80"}}, "isolation must have a list"),
        ({"isolation": {"read_paths": ["x"]}}, "isolation: read_paths"),
        ({"isolation": {"read_paths": [1]}}, "isolation must have a list"),
        ({"isolation": {"more": 1}}, "isolation must be an object"),
        ({"begun": -1}, "begun must be a whole number"),
        ({"count": 1.5}, "count must be a whole number"),
        ({"archive_id": 5}, "archive_id must be a string"),
        ({"tenant": "x" * 1001}, "tenant must be a string"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(values: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRecord, match=why):
        parse_record(changed(**values))


@pytest.mark.parametrize("body", [None, [], "record", 1, {}])
def test_what_is_no_record_is_refused(body: object) -> None:
    with pytest.raises(BadRecord):
        parse_record(body)


@given(
    st.sampled_from([it.name for it in attrs.fields(ContextRecord)]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_value_of_a_key_is_taken_or_refused(name: str, value: Any) -> None:
    try:
        record = parse_record(changed(**{name: value}))
    except BadRecord:
        return
    assert parse_record(record_body(record)) == record
