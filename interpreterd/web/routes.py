"""The REST routes."""

import asyncio
import platform
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from interpreterd import __version__
from interpreterd.description import ChangeContext, ContextInfo, CreateContext, parse_labels
from interpreterd.errors import WorkerStartFailed
from interpreterd.web.bodies import go_on, json_response, query_flag, read_json
from interpreterd.web.documents import asyncapi, openapi
from interpreterd.web.executions import (
    follow_context,
    follow_execution,
    get_execution,
    interrupt_execution,
    list_executions,
    post_execution,
    restart_context,
)
from interpreterd.web.keys import LAUNCHER, MANAGER, SETTINGS
from interpreterd.web.multiplex import session
from interpreterd.web.session import execute

PREFIX: Final = "/process/interpreter"
SHOWN_AT_ONCE: Final = 1000  # contexts, some four milliseconds; then others have their turn


def add_routes(app: web.Application) -> None:
    """Add every route to ``app``, once more below the base path of its settings."""
    for base_path in {"", app[SETTINGS].base_path}:
        for it in _routes(base_path, base_path + PREFIX):
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


async def health(request: web.Request) -> web.Response:
    """Answer while the daemon lives."""
    return json_response({"status": "ok"})


async def version(request: web.Request) -> web.Response:
    """Name the daemon's version, its Python, and the workers' interpreter, or why there is none."""
    worker: dict[str, str]
    try:
        python = await request.app[LAUNCHER].describe_python()
        worker = {"executable": python.executable, "python": python.version}
    except WorkerStartFailed as error:
        worker = {"error": str(error)}
    return json_response({"version": __version__, "python": platform.python_version(), "worker": worker})


async def create_context(request: web.Request) -> web.Response:
    """Make a context; see ``description.CreateContext``."""
    wish = CreateContext.parse(await read_json(request))
    info = await request.app[MANAGER].create(wish)
    return json_response(info.to_json())


async def list_contexts(request: web.Request) -> web.Response:
    """List all contexts; with ``?label=key=value``, once or more often, those that have it all in their metadata."""
    return await _list(request, with_default=True)


async def list_created_contexts(request: web.Request) -> web.Response:
    """List all contexts but the default one: what the SDKs' ``list_contexts()`` promises."""
    return await _list(request, with_default=False)


async def _list(request: web.Request, *, with_default: bool) -> web.Response:
    labels = parse_labels(request.query.getall("label", []))
    shown = await _shown(request)
    contexts = []
    for context in request.app[MANAGER].list(with_default=with_default, labels=labels):
        contexts.append(shown(context.info()))
        if len(contexts) % SHOWN_AT_ONCE == 0:
            await asyncio.sleep(0)
    return json_response({"contexts": contexts})


async def _shown(request: web.Request) -> Callable[[ContextInfo], dict[str, Any]]:
    """Return what shows a context as this client wants it: with ``?usage=true``, also what it uses now."""
    if not query_flag(request, "usage"):
        return ContextInfo.to_json
    usages = await request.app[MANAGER].usage()

    def with_usage(info: ContextInfo) -> dict[str, Any]:
        usage = None if info.pid is None else usages.get(info.pid)
        return {**info.to_json(), "usage": None if usage is None else usage.to_json()}

    return with_usage


async def get_context(request: web.Request) -> web.Response:
    """Show one context."""
    shown = await _shown(request)
    return json_response(shown(request.app[MANAGER].existing(request.match_info["id"]).info()))


async def change_context(request: web.Request) -> web.Response:
    """Change a context's metadata; see ``description.ChangeContext``."""
    change = ChangeContext.parse(await read_json(request))
    return json_response(request.app[MANAGER].change(request.match_info["id"], change).to_json())


async def delete_context(request: web.Request) -> web.Response:
    """End a context and all that it started."""
    await request.app[MANAGER].delete(request.match_info["id"])
    return json_response({"message": "Context deleted successfully"})


async def interrupt_context(request: web.Request) -> web.Response:
    """Interrupt what runs in a context."""
    did = request.app[MANAGER].existing(request.match_info["id"]).interrupt()
    return json_response({"interrupted": did == "interrupting"})
