"""The contents of clients' requests, checked at the edge. Each raises ``MalformedRequest`` for a wrong type."""

from collections.abc import Mapping
from typing import Any, Final

from interpreterd.http.fields import as_whole
from interpreterd.model.errors import MalformedRequest
from interpreterd.model.looks import DEFAULT_LOOK_TIMEOUT_S, Task, TaskKind
from interpreterd.model.requests import Execute

ORIGIN: Final = "jupyter"
Content = Mapping[str, Any]


def parse_execute(content: Content, context_id: str) -> tuple[Execute, bool]:
    """Return what to run, and whether it is silent. Jupyter's clients have no time limit for an execution."""
    silent = _flag(content, "silent", False)
    request = Execute(
        code=_string(content, "code"),
        context_id=context_id,
        timeout_s=None,
        stdin=_flag(content, "allow_stdin", True),
        results=not silent,
        origin=ORIGIN,
    )
    return request, silent


def parse_look(content: Content, kind: TaskKind, context_id: str) -> Execute:
    """Return the look at the namespace that a client asks for."""
    code = _string(content, "code")
    cursor = _number(content, "cursor_pos", len(code))
    detail = _number(content, "detail_level", 0)
    task = Task(kind=kind, cursor=min(max(cursor, 0), len(code)), detail=int(detail > 0))
    return Execute(
        code=code, context_id=context_id, timeout_s=DEFAULT_LOOK_TIMEOUT_S, stays=False, task=task, origin=ORIGIN
    )


def _string(content: Content, key: str) -> str:
    value = content.get(key, "")
    if not isinstance(value, str):
        raise MalformedRequest(f"content.{key} must be a string")
    return value


def _flag(content: Content, key: str, default: bool) -> bool:
    value = content.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise MalformedRequest(f"content.{key} must be true or false")
    return value


def _number(content: Content, key: str, default: int) -> int:
    value = content.get(key)
    if value is None:
        return default
    number = as_whole(value)
    if number is None:
        raise MalformedRequest(f"content.{key} must be a whole number")
    return number
