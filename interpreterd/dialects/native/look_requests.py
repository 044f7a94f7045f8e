"""Requests for looks at a namespace, checked at the edge; see ``requests.py``."""

from typing import Final

from interpreterd.http.fields import json_object, string, whole_number
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.looks import DEFAULT_LOOK_TIMEOUT_S, Task, TaskKind
from interpreterd.model.requests import TIMEOUT_LIMIT_S, Execute

_DETAILS: Final = (0, 1)


def parse_code_look(value: object, kind: TaskKind, context_id: str) -> Execute:
    """Return the request for a look by code: ``{code, cursor?, detail?, timeout?}``."""
    body = json_object(value, "the body", {"code", "cursor", "detail", "timeout"})
    code = string(body, "code")
    cursor = whole_number(body, "cursor")
    detail = whole_number(body, "detail")
    if code is None:
        raise MalformedRequest("code must be a string")
    if cursor is None:
        cursor = len(code)
    if not 0 <= cursor <= len(code):
        raise InvalidRequest(f"cursor must be a number of characters from 0 to {len(code)}, the length of code")
    if detail is not None and detail not in _DETAILS:
        raise InvalidRequest("detail must be 0 or 1")
    return Execute(
        code=code,
        context_id=context_id,
        timeout_s=_timeout(whole_number(body, "timeout")),
        stays=False,
        task=Task(kind=kind, cursor=cursor, detail=detail or 0),
    )


def parse_look_timeout(text: str | None) -> int | None:
    """Return the seconds of a query's ``timeout``, or None for no timeout."""
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= len(str(TIMEOUT_LIMIT_S))):
        raise MalformedRequest("timeout must be a whole number")
    return _timeout(None if text is None else int(text))


def _timeout(timeout_s: int | None) -> int | None:
    if timeout_s is None:
        return DEFAULT_LOOK_TIMEOUT_S
    if not 0 <= timeout_s <= TIMEOUT_LIMIT_S:
        raise InvalidRequest(f"timeout must be a number of seconds from 0 (none) to {TIMEOUT_LIMIT_S}")
    return timeout_s or None
