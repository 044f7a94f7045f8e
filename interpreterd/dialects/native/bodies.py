"""Contexts and executions as JSON: pure functions from types of ``model``."""

from typing import Any

from interpreterd.dialects.native.limits import limits_body
from interpreterd.http.timestamp import timestamp
from interpreterd.model.context_info import ContextInfo, Usage
from interpreterd.model.events import Failure
from interpreterd.model.execution_info import ExecutionInfo


def context_body(info: ContextInfo) -> dict[str, Any]:
    """Return a context."""
    limits = limits_body(info.limits)
    return {
        "id": info.id,
        "cwd": info.cwd,
        "language": "python",
        "createdAt": timestamp(info.created_at),
        "active": info.active,
        "state": info.state,
        "lastUsedAt": timestamp(info.last_used_at),
        "executionCount": info.executions,
        "queued": info.queued,
        "metadata": dict(info.metadata),
        **({"limits": limits} if limits else {}),
    }


def context_body_with_usage(info: ContextInfo) -> dict[str, Any]:
    """Return a context with its usage, for a client that has asked for it."""
    return {**context_body(info), "usage": None if info.usage is None else usage_body(info.usage)}


def execution_body(info: ExecutionInfo) -> dict[str, Any]:
    """Return an execution. It has the id twice: as ``id``, like every object, and as ``executionId``."""
    return {
        "id": info.id,
        "executionId": info.id,
        "contextId": info.context_id,
        "state": info.state,
        "codeSha256": info.code_sha256,
        "firstLine": info.first_line,
        "origin": info.origin,
        "createdAt": timestamp(info.created_at),
        "startedAt": None if info.started_at is None else timestamp(info.started_at),
        "finishedAt": None if info.finished_at is None else timestamp(info.finished_at),
        "outcome": info.state if info.ended else None,
        "error": None if info.error is None else exception_body(info.error),
        "stdoutChars": info.stdout_chars,
        "stderrChars": info.stderr_chars,
        "firstEvent": info.first_event,
        "events": info.events,
    }


def exception_body(failure: Failure) -> dict[str, str]:
    """Return an exception."""
    return {"name": failure.name, "value": failure.value, "traceback": failure.traceback}


def usage_body(usage: Usage) -> dict[str, float]:
    """Return the usage of a context."""
    return {"cpuSeconds": round(usage.cpu_s, 2), "memoryBytes": usage.memory_bytes, "processes": usage.processes}
