"""Contexts over plain HTTP: make one, show it, change it, interrupt it, end it, list all."""

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.bodies import context_body, context_body_with_usage
from interpreterd.dialects.native.requests import parse_change, parse_create, parse_labels
from interpreterd.dialects.native.state_bodies import load_body
from interpreterd.http.answers import json_response, listing_response
from interpreterd.http.bodies import query_flag, read_json


async def create_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Make a context; see ``parse_create``."""
    info = await service.create(parse_create(await read_json(request)))
    loaded = {} if info.loaded is None else {"restored": load_body(info.loaded)}
    return json_response({**context_body(info), **loaded})


async def list_contexts(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List all contexts; ``?label=key=value``, once or more, selects those with all these pairs in their metadata."""
    return await _list(service, request, default=True)


async def list_created_contexts(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List all contexts except the default one, as the SDKs' ``list_contexts()`` promises."""
    return await _list(service, request, default=False)


async def _list(service: ContextService, request: web.Request, *, default: bool) -> web.StreamResponse:
    labels = parse_labels(request.query.getall("label", []))
    usage = query_flag(request, "usage")
    infos = await service.contexts(default=default, labels=labels, after=request.query.get("after"), usage=usage)
    body = context_body_with_usage if usage else context_body
    return listing_response("contexts", ((info.id, body(info)) for info in infos))


async def get_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show one context; with ``?usage=true``, also its present usage."""
    usage = query_flag(request, "usage")
    info = await service.get(request.match_info["id"], usage=usage)
    return json_response(context_body_with_usage(info) if usage else context_body(info))


async def change_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Change a context's metadata; see ``parse_change``."""
    change = parse_change(await read_json(request))
    return json_response(context_body(await service.change(request.match_info["id"], change)))


async def restart_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Give a context a new worker; report which executions that has ended."""
    cancel_queued = query_flag(request, "cancelQueued")
    done = await service.restart(request.match_info["id"], cancel_queued=cancel_queued)
    return json_response({**context_body(done.context), "lost": done.lost, "cancelled": done.cancelled})


async def interrupt_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Interrupt the execution that runs in a context."""
    # Raises for a default context that does not exist; otherwise the context is idle.
    info = await service.get(request.match_info["id"])
    did = await service.interrupt(info.id)
    return json_response({"interrupted": did == "interrupting"})


async def delete_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """End a context and every process that it started."""
    await service.delete(request.match_info["id"])
    return json_response({"message": "Context deleted successfully"})
