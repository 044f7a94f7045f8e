"""Contexts of code: their routes."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.opensandbox.errors import MISSING_QUERY, refused
from interpreterd.dialects.opensandbox.requests import MADE_HERE, PYTHON, parse_create
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ContextNotFound


async def create_code_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Make a context."""
    return json_response(_body(await service.create(parse_create(await read_json(request)))))


async def get_code_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show a context, whichever API has made it."""
    return json_response(_body(await service.get(request.match_info["id"])))


async def list_code_contexts(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List the contexts of all APIs, oldest first, except the default one; of another language there are none."""
    if request.query.get("language") not in (None, "", PYTHON):
        return json_response([])
    return json_response([_body(it) for it in await service.contexts(default=False)])


async def delete_code_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """End a context."""
    await service.delete(request.match_info["id"])
    return web.Response()


async def delete_code_contexts(service: ContextService, request: web.Request) -> web.StreamResponse:
    """End all contexts of a language that this API has made: those of other APIs are not its clients'."""
    language = request.query.get("language")
    if not language:
        return refused(HTTPStatus.BAD_REQUEST, MISSING_QUERY, "missing query parameter 'language'")
    if language == PYTHON:
        for it in list(await service.contexts(default=False, labels=[MADE_HERE])):
            try:
                await service.delete(it.id)
            except ContextNotFound:  # another client has ended it
                continue
    return web.Response()


def _body(info: ContextInfo) -> dict[str, Any]:
    return {"id": info.id, "language": PYTHON, "cwd": info.cwd}
