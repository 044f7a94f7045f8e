"""Contexts and executions have exactly the keys of the contract."""

import json

import pytest

from interpreterd.dialects.native.bodies import (
    context_body,
    context_body_with_usage,
    execution_body,
    usage_body,
)
from interpreterd.dialects.native.limits import limits_body
from interpreterd.model.context_info import ContextInfo, Usage
from interpreterd.model.events import Failure
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.limits import Limits

CREATED_AT = 1767323045.0
CONTEXT = ContextInfo(
    id="i", cwd="/w", created_at=CREATED_AT, state="idle", last_used_at=CREATED_AT + 1.0625, executions=2
)
EXECUTION = ExecutionInfo(
    id="e",
    context_id="c",
    state="queued",
    code_sha256="a",
    first_line="x = 1",
    origin="ada",
    created_at=CREATED_AT,
    started_at=None,
    finished_at=None,
    error=None,
    stdout_chars=0,
    stderr_chars=0,
    first_event=0,
    events=1,
)


def test_a_context() -> None:
    assert json.loads(json.dumps(context_body(CONTEXT))) == {
        "id": "i",
        "cwd": "/w",
        "language": "python",
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "active": True,
        "state": "idle",
        "lastUsedAt": "2026-01-02T03:04:06.062500Z",
        "executionCount": 2,
        "queued": 0,
        "metadata": {},
        "isolation": {"profile": "off", "layers": []},
    }


def test_usage_is_there_for_clients_that_ask() -> None:
    usage = Usage(cpu_s=1.2345, memory_bytes=7, processes=2)
    used = ContextInfo(id="i", cwd="/w", created_at=0.0, state="idle", last_used_at=0.0, usage=usage)
    assert "usage" not in context_body(used)
    assert context_body_with_usage(used)["usage"] == {"cpuSeconds": 1.23, "memoryBytes": 7, "processes": 2}
    assert context_body_with_usage(CONTEXT)["usage"] is None
    assert usage_body(usage) == {"cpuSeconds": 1.23, "memoryBytes": 7, "processes": 2}


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        (Limits(), {}),
        (Limits(queued=128, queue_is_usual=True), {}),
        (Limits(queued=7), {"queued": 7}),
        (Limits(memory_bytes=1 << 30, cpu_s=0.5), {"memoryBytes": 1 << 30, "cpuSeconds": 0.5}),
    ],
)
def test_limits_are_shown_where_there_are_any(limits: Limits, shown: dict[str, float]) -> None:
    assert limits_body(limits) == shown
    info = ContextInfo(id="i", cwd="/w", created_at=0.0, state="idle", last_used_at=0.0, limits=limits)
    assert context_body(info).get("limits", {}) == shown


def test_an_execution_that_waits() -> None:
    assert execution_body(EXECUTION) == {
        "id": "e",
        "executionId": "e",
        "contextId": "c",
        "state": "queued",
        "codeSha256": "a",
        "firstLine": "x = 1",
        "origin": "ada",
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "startedAt": None,
        "finishedAt": None,
        "outcome": None,
        "error": None,
        "stdoutChars": 0,
        "stderrChars": 0,
        "firstEvent": 0,
        "events": 1,
    }


def test_an_execution_that_has_ended() -> None:
    ended = ExecutionInfo(
        id="e",
        context_id="c",
        state="interrupted",
        code_sha256="a",
        first_line="",
        origin="",
        created_at=CREATED_AT,
        started_at=CREATED_AT + 1,
        finished_at=CREATED_AT + 2,
        error=Failure(name="E", value="v", traceback="t"),
        stdout_chars=3,
        stderr_chars=2,
        first_event=4,
        events=6,
    )
    shown = execution_body(ended)
    assert (shown["state"], shown["outcome"]) == ("interrupted", "interrupted")
    assert shown["error"] == {"name": "E", "value": "v", "traceback": "t"}
    assert (shown["startedAt"], shown["finishedAt"]) == ("2026-01-02T03:04:06.000000Z", "2026-01-02T03:04:07.000000Z")
    assert (shown["stdoutChars"], shown["stderrChars"], shown["firstEvent"], shown["events"]) == (3, 2, 4, 6)
