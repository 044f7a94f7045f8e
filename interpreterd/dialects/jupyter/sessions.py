"""Sessions over plain HTTP: documents with their kernels, as front ends without a server of their own keep them.

A session is a note only: it says which kernel belongs to which path. It ends with its kernel.
"""

import contextlib
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from interpreterd.dialects.jupyter.hub import Hub, Notebook
from interpreterd.dialects.jupyter.kernels import end_kernel, kernel_model, start_kernel
from interpreterd.dialects.jupyter.requests import GATEWAY, NewSession, parse_session
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ContextNotFound, DefaultContextKept, LimitReached

NOTEBOOKS_LIMIT: Final = 4096


async def list_sessions(hub: Hub, request: web.Request) -> web.StreamResponse:
    """List all sessions, oldest first."""
    return json_response([_model(hub, it, info) for it, info in await _living(hub)])


async def create_session(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Make a session with a kernel, new or existing; a path that has a session keeps it."""
    asked = parse_session(await read_json(request))
    living = await _living(hub)
    known = next((it for it, _ in living if asked.path and hub.notebooks[it].path == asked.path), None)
    if known is None:
        if len(living) >= NOTEBOOKS_LIMIT:
            raise LimitReached(f"too many sessions: the limit is {NOTEBOOKS_LIMIT}")
        info = await _kernel(hub, asked)
        known = str(uuid4())
        hub.notebooks[known] = Notebook(asked.path or "", asked.name or "", asked.type or "notebook", info.id)
    else:
        info = await hub.service.get(hub.notebooks[known].kernel_id)
    where = request.path.rstrip("/") + f"/{known}"
    return json_response(_model(hub, known, info), status=HTTPStatus.CREATED, headers={"Location": where})


async def get_session(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Show a session."""
    session_id, info = await _find(hub, request)
    return json_response(_model(hub, session_id, info))


async def change_session(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Give a session another path, name, type or kernel; its old kernel ends, if no other session has it."""
    asked = parse_session(await read_json(request))
    session_id, info = await _find(hub, request)
    if asked.has_kernel:
        info = await _kernel(hub, asked)
    notebook = hub.notebooks[session_id]
    before, notebook.kernel_id = notebook.kernel_id, info.id
    for key in ("path", "name", "type"):
        if (value := getattr(asked, key)) is not None:
            setattr(notebook, key, value)
    if all(it.kernel_id != before for it in hub.notebooks.values()):
        with contextlib.suppress(DefaultContextKept, ContextNotFound):
            await end_kernel(hub, before)
    return json_response(_model(hub, session_id, info))


async def delete_session(hub: Hub, request: web.Request) -> web.StreamResponse:
    """End a session and its kernel; the default context stays."""
    session_id, info = await _find(hub, request)
    hub.notebooks.pop(session_id, None)
    with contextlib.suppress(DefaultContextKept):
        await end_kernel(hub, info.id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _kernel(hub: Hub, asked: NewSession) -> ContextInfo:
    if asked.kernel_id is not None:
        return await hub.service.get(asked.kernel_id)
    return await start_kernel(hub, asked.cwds, GATEWAY)


async def _find(hub: Hub, request: web.Request) -> tuple[str, ContextInfo]:
    """Return the id of the session of ``request``, and its kernel. Raises ``HTTPNotFound``."""
    session_id = request.match_info["id"]
    try:
        return session_id, await hub.service.get(hub.notebooks[session_id].kernel_id)
    except (KeyError, ContextNotFound):
        hub.notebooks.pop(session_id, None)
        raise web.HTTPNotFound from None


async def _living(hub: Hub) -> list[tuple[str, ContextInfo]]:
    """Return the sessions whose kernels are there; the others are forgotten."""
    kernels = {info.id: info for info in await hub.service.contexts()}
    hub.notebooks = {key: it for key, it in hub.notebooks.items() if it.kernel_id in kernels}
    return [(key, kernels[it.kernel_id]) for key, it in hub.notebooks.items()]


def _model(hub: Hub, session_id: str, info: ContextInfo) -> dict[str, Any]:
    it = hub.notebooks[session_id]
    old = {"notebook": {"path": it.path, "name": it.name}} if it.type == "notebook" else {}
    kernel = kernel_model(hub, info)
    return {"id": session_id, "path": it.path, "name": it.name, "type": it.type, "kernel": kernel, **old}
