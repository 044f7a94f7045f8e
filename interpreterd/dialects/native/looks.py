"""Looks at a context's namespace over plain HTTP: complete, inspect, is it complete, which variables are there."""

from typing import Any, TypeVar

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.look_requests import parse_code_look, parse_look_timeout
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.http.disconnect import when_gone
from interpreterd.http.keys import SETTINGS
from interpreterd.model.events import Finished
from interpreterd.model.execution_errors import LookFailed
from interpreterd.model.looks import Comms, Completeness, Completions, History, Inspection, Task, Variable, Variables
from interpreterd.model.requests import Execute

_F = TypeVar("_F", Completions, Inspection, Completeness, Variables, History, Comms)


async def complete(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Tell what may stand at a place in code."""
    asked = parse_code_look(await read_json(request), "complete", _context_id(request))
    found = await look(service, request, asked, Completions)
    return json_response(
        {
            "matches": found.matches,
            "types": found.types,
            "cursorStart": found.cursor_start,
            "cursorEnd": found.cursor_end,
            "omitted": found.omitted,
        }
    )


async def inspect(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Tell what the object at a place in code is."""
    asked = parse_code_look(await read_json(request), "inspect", _context_id(request))
    found = await look(service, request, asked, Inspection)
    return json_response(
        {
            "found": found.found,
            "name": found.name,
            "type": found.type,
            "kind": found.kind,
            "signature": found.signature,
            "docstring": found.docstring,
            "value": found.value,
            "file": found.file,
            "line": found.line,
            "source": found.source,
        }
    )


async def check_complete(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Tell whether code could be run as it is."""
    asked = parse_code_look(await read_json(request), "isComplete", _context_id(request))
    found = await look(service, request, asked, Completeness)
    return json_response({"status": found.status, "indent": found.indent})


async def list_variables(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List the names of the namespace; ``?timeout=`` as for an execution."""
    timeout_s = parse_look_timeout(request.query.get("timeout"))
    asked = Execute(
        code="", context_id=_context_id(request), timeout_s=timeout_s, stays=False, task=Task(kind="variables")
    )
    found = await look(service, request, asked, Variables)
    return json_response({"variables": list(map(_variable_body, found.variables)), "omitted": found.omitted})


def _variable_body(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "type": variable.type,
        "kind": variable.kind,
        "repr": variable.repr,
        "size": variable.size,
        "length": variable.length,
        "shape": variable.shape,
        "dtype": variable.dtype,
    }


def _context_id(request: web.Request) -> str:
    return request.match_info["id"]


async def look(service: ContextService, request: web.Request, asked: Execute, kind: type[_F]) -> _F:
    """Return what has been found, once the context has had time for it; the look ends when its client disconnects."""
    submission = await service.look(asked)
    try:
        with when_gone(request, submission.stop, request.app[SETTINGS].heartbeat_s):
            async for _, event in submission:
                if isinstance(event, Finished):
                    return _found(event, kind)
    finally:
        submission.stop()
    raise LookFailed("the client has disconnected")


def _found(end: Finished, kind: type[_F]) -> _F:
    """Return what has been found, also by a look that was interrupted in the end."""
    if isinstance(end.found, kind):
        return end.found
    if end.cause is not None:
        raise end.cause.again()
    error = end.error
    how = "its code has ended Python" if error is None else f"{error.name}: {error.value}"
    raise LookFailed(f"the context could not be looked at: {how}")
