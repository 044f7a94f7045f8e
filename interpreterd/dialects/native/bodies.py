"""Contexts and executions as JSON: pure functions from types of ``model``."""

from typing import Any

from interpreterd.dialects.native.isolation import isolation_body
from interpreterd.dialects.native.limits import limits_body
from interpreterd.http.timestamp import timestamp
from interpreterd.model.context_info import ContextInfo, Usage
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.failures import Details, Failure, Frame
from interpreterd.model.files import ChangedFiles
from interpreterd.model.mime import mime_type


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
        **({"expiresAt": timestamp(info.expires_at)} if info.expires_at is not None else {}),
        **({"tenant": info.tenant} if info.tenant else {}),
        "isolation": isolation_body(info.isolation),
        **({"forkedFrom": info.forked_from} if info.forked_from is not None else {}),
        **({"persistent": True} if info.persistent else {}),
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


def text_body(failure: Failure) -> dict[str, Any]:
    """Return an exception as text: as much as clients of version 1 see."""
    return {"name": failure.name, "value": failure.value, "traceback": failure.traceback}


def exception_body(failure: Failure) -> dict[str, Any]:
    """Return an exception; with its parts, if they are known."""
    return text_body(failure) | _details_body(failure.details)


def _details_body(details: Details | None) -> dict[str, Any]:
    if details is None:
        return {}
    return {
        "frames": [_frame_body(frame) for frame in details.frames],
        "omittedFrames": details.omitted_frames,
        "notes": details.notes,
        "suggestion": details.suggestion,
        "cause": _linked_body(details.cause),
        "context": _linked_body(details.context),
        "suppressContext": details.suppress_context,
        "exceptions": [_linked_body(it) for it in details.exceptions],
    }


def _linked_body(failure: Failure | None) -> dict[str, Any] | None:
    """Return a cause, a context or a part of a group: the traceback of the whole shows these, too."""
    if failure is None:
        return None
    return {"name": failure.name, "value": failure.value, **_details_body(failure.details)}


def _frame_body(frame: Frame) -> dict[str, Any]:
    return {
        "file": frame.file,
        "cell": frame.cell,
        "line": frame.line,
        "endLine": frame.end_line,
        "column": frame.column,
        "endColumn": frame.end_column,
        "function": frame.function,
        "source": frame.source,
    }


def usage_body(usage: Usage) -> dict[str, float]:
    """Return the usage of a context."""
    return {"cpuSeconds": round(usage.cpu_s, 2), "memoryBytes": usage.memory_bytes, "processes": usage.processes}


def changed_body(changed: ChangedFiles | None) -> dict[str, Any]:
    """Return the keys of the files that an execution has changed; none if it does not say."""
    if changed is None:
        return {}
    files = [{"path": it.path, "size": it.size_bytes, "mimeType": mime_type(it.path)} for it in changed.files]
    return {"files": files, **({"filesCut": True} if changed.is_cut else {})}
