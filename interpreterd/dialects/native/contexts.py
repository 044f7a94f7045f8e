"""The REST routes."""

import contextlib
import platform
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from interpreterd import __version__
from interpreterd.dialects.native.documents import asyncapi, openapi
from interpreterd.dialects.native.execute_socket import execute
from interpreterd.dialects.native.executions import (
    follow_context,
    follow_execution,
    get_execution,
    interrupt_execution,
    list_executions,
    post_execution,
    restart_context,
)
from interpreterd.dialects.native.session_socket import session
from interpreterd.http.answers import ids_after, json_response, listing_response
from interpreterd.http.bodies import go_on, query_flag, read_json
from interpreterd.http.keys import LAUNCHER, MANAGER, SETTINGS
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ContextNotFound, WorkerStartFailed
from interpreterd.model.names import NATIVE_PATH
from interpreterd.model.requests import ChangeContext, CreateContext, parse_labels


def add_routes(app: web.Application) -> None:
    """Add every route to ``app``, once more below the base path of its settings."""
    for base_path in {"", app[SETTINGS].base_path}:
        for it in _routes(base_path, base_path + NATIVE_PATH):
            more = {**it.kwargs, "expect_handler": go_on}
            app.add_routes([web.RouteDef(it.method, it.path, it.handler, more)])


def _routes(base_path: str, prefix: str) -> list[web.RouteDef]:
    return [
        web.get(base_path + "/health", health),
        web.get(base_path + "/version", version),
        web.get(base_path + "/openapi.json", openapi),
        web.get(base_path + "/asyncapi.json", asyncapi),
        web.post(prefix + "/context", create_context),
        web.get(prefix + "/context", list_created_contexts),
        web.get(prefix + "/contexts", list_contexts),
        web.get(prefix + "/context/{id}", get_context),
        web.patch(prefix + "/context/{id}", change_context),
        web.delete(prefix + "/context/{id}", delete_context),
        web.post(prefix + "/context/{id}/interrupt", interrupt_context),
        web.post(prefix + "/context/{id}/restart", restart_context),
        web.get(prefix + "/context/{id}/executions", list_executions),
        web.get(prefix + "/context/{id}/events", follow_context, allow_head=False),
        web.get(prefix + "/executions/{id}", get_execution),
        web.post(prefix + "/executions/{id}/interrupt", interrupt_execution),
        web.get(prefix + "/executions/{id}/events", follow_execution, allow_head=False),
        web.post(prefix + "/execute", post_execution),
        web.get(prefix + "/execute", execute, allow_head=False),
        web.get(prefix + "/session", session, allow_head=False),
    ]


async def health(request: web.Request) -> web.StreamResponse:
    """Answer as long as the daemon is alive."""
    return json_response({"status": "ok"})


async def version(request: web.Request) -> web.StreamResponse:
    """Name the daemon's version, its Python, and the workers' interpreter or the reason why there is none."""
    worker: dict[str, str]
    try:
        python = await request.app[LAUNCHER].describe_python()
        worker = {"executable": python.executable, "python": python.version}
    except WorkerStartFailed as error:
        worker = {"error": str(error)}
    return json_response({"version": __version__, "python": platform.python_version(), "worker": worker})


async def create_context(request: web.Request) -> web.StreamResponse:
    """Make a context; see ``requests.CreateContext``."""
    wish = CreateContext.parse(await read_json(request))
    info = await request.app[MANAGER].create(wish)
    return json_response(info.to_json())


async def list_contexts(request: web.Request) -> web.StreamResponse:
    """List all contexts; ``?label=key=value``, once or more, selects those with all these pairs in their metadata."""
    return await _list(request, with_default=True)


async def list_created_contexts(request: web.Request) -> web.StreamResponse:
    """List all contexts except the default one, as the SDKs' ``list_contexts()`` promises."""
    return await _list(request, with_default=False)


async def _list(request: web.Request, *, with_default: bool) -> web.StreamResponse:
    labels = parse_labels(request.query.getall("label", []))
    shown = await _shown(request)
    manager = request.app[MANAGER]
    ids = [context.id for context in manager.list(with_default=with_default, labels=labels)]

    def show(context_id: str) -> Mapping[str, Any] | None:
        with contextlib.suppress(ContextNotFound):  # deleted since
            return shown(manager.existing(context_id).info())
        return None

    return listing_response("contexts", ids_after(request, ids, ContextNotFound), show)


async def _shown(request: web.Request) -> Callable[[ContextInfo], dict[str, Any]]:
    """Return a function that shows a context as this client wants it: with ``?usage=true``, also its present usage."""
    if not query_flag(request, "usage"):
        return ContextInfo.to_json
    usages = await request.app[MANAGER].usage()

    def with_usage(info: ContextInfo) -> dict[str, Any]:
        usage = None if info.pid is None else usages.get(info.pid)
        return {**info.to_json(), "usage": None if usage is None else usage.to_json()}

    return with_usage


async def get_context(request: web.Request) -> web.StreamResponse:
    """Show one context."""
    shown = await _shown(request)
    return json_response(shown(request.app[MANAGER].existing(request.match_info["id"]).info()))


async def change_context(request: web.Request) -> web.StreamResponse:
    """Change a context's metadata; see ``requests.ChangeContext``."""
    change = ChangeContext.parse(await read_json(request))
    return json_response(request.app[MANAGER].change(request.match_info["id"], change).to_json())


async def delete_context(request: web.Request) -> web.StreamResponse:
    """End a context and every process that it started."""
    await request.app[MANAGER].delete(request.match_info["id"])
    return json_response({"message": "Context deleted successfully"})


async def interrupt_context(request: web.Request) -> web.StreamResponse:
    """Interrupt the execution that runs in a context."""
    did = request.app[MANAGER].existing(request.match_info["id"]).interrupt()
    return json_response({"interrupted": did == "interrupting"})
