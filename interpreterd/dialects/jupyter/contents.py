"""The contents of clients' requests, checked at the edge. Each raises ``MalformedRequest`` for a wrong type."""

from collections.abc import Mapping
from typing import Any, Final

from interpreterd.dialects.jupyter.envelope import Incoming, encoded_json
from interpreterd.http.fields import as_whole
from interpreterd.model.comms import COMM_ID_LIMIT_CHARS, CommAction, ToComm, comm_content
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.looks import (
    DEFAULT_LOOK_TIMEOUT_S,
    HISTORY_LIMIT,
    HISTORY_PATTERN_LIMIT_CHARS,
    HistoryAccess,
    HistoryQuery,
    Task,
    TaskKind,
)
from interpreterd.model.requests import Execute, check_expressions

Content = Mapping[str, Any]
_ACTIONS: Final[Mapping[str, CommAction]] = {"comm_open": "open", "comm_msg": "message", "comm_close": "close"}
_ACCESSES: Final[Mapping[str, HistoryAccess]] = {"tail": "tail", "range": "range", "search": "search"}
_THIS_SESSION: Final = (0, 1)  # of the history: the number of the one that a kernel has, and Jupyter's name for it


def parse_execute(content: Content, context_id: str, *, origin: str, message_id: str) -> Execute:
    """Return what to run. Jupyter's clients have no time limit for an execution."""
    silent = _flag(content, "silent", False)
    return Execute(
        code=_string(content, "code"),
        context_id=context_id,
        timeout_s=None,
        stdin=_flag(content, "allow_stdin", True),
        results=not silent,
        silent=silent,
        counted=_flag(content, "store_history", not silent),
        expressions=_expressions(content),
        pages=not silent,
        stop_on_error=_flag(content, "stop_on_error", True) and not silent,
        origin=origin,
        message_id=message_id,
    )


def parse_look(content: Content, kind: TaskKind, context_id: str) -> Execute:
    """Return the look at the namespace that a client asks for, by code."""
    code = _string(content, "code")
    cursor = _number(content, "cursor_pos", len(code))
    detail = _number(content, "detail_level", 0)
    return look(Task(kind=kind, cursor=min(max(cursor, 0), len(code)), detail=int(detail > 0)), context_id, code)


def look(task: Task, context_id: str, code: str = "") -> Execute:
    """Return a request for a look at the namespace."""
    return Execute(code=code, context_id=context_id, timeout_s=DEFAULT_LOOK_TIMEOUT_S, stays=False, task=task)


def parse_history(content: Content) -> HistoryQuery | None:
    """Return which cells a client asks for; None for those of other kernels, which are not kept."""
    access = _ACCESSES.get(_string(content, "hist_access_type") or "tail")
    if access is None:
        raise MalformedRequest("content.hist_access_type must be one of tail, range, search")
    pattern = _string(content, "pattern") or "*"
    if len(pattern) > HISTORY_PATTERN_LIMIT_CHARS:
        raise InvalidRequest(f"content.pattern must be at most {HISTORY_PATTERN_LIMIT_CHARS} characters long")
    session, stop = _number(content, "session", 0), content.get("stop")
    query = HistoryQuery(
        access=access,
        n=min(max(_number(content, "n", HISTORY_LIMIT), 0), HISTORY_LIMIT),
        start=_number(content, "start", 1),
        stop=None if stop is None else _number(content, "stop", 0),
        pattern=pattern,
        unique=_flag(content, "unique", False),
        output=_flag(content, "output", False),
    )
    return query if access != "range" or session in _THIS_SESSION else None


def parse_target(content: Content) -> str:
    """Return the target whose comms a client asks for; empty for all."""
    return _string(content, "target_name")


def parse_comm(request: Incoming, context_id: str, *, origin: str) -> Execute:
    """Return a client's message to a comm: it is an execution, whose code sees the message as its parent."""
    content = request.content
    comm_id, target = _string(content, "comm_id"), _string(content, "target_name")
    if not 0 < len(comm_id) <= COMM_ID_LIMIT_CHARS or len(target) > COMM_ID_LIMIT_CHARS:
        raise InvalidRequest(f"content.comm_id and target_name must be 1 to {COMM_ID_LIMIT_CHARS} characters long")
    data = encoded_json(content.get("data", {}), "content.data").decode()
    return Execute(
        code=comm_content(data, encoded_json(request.metadata, "metadata").decode(), request.buffers),
        context_id=context_id,
        timeout_s=None,
        origin=origin,
        message_id=request.message_id,
        comm=ToComm(action=_ACTIONS[request.kind], comm_id=comm_id, target=target),
    )


def _expressions(content: Content) -> Mapping[str, str]:
    value = content.get("user_expressions")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(it, str) for it in value.values()):
        raise MalformedRequest("content.user_expressions must be an object whose values are strings")
    check_expressions(value)
    return value


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
