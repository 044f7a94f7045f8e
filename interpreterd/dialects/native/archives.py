"""Archives of contexts over plain HTTP."""

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.bodies import context_body
from interpreterd.dialects.native.forks import parse_name
from interpreterd.dialects.native.state_bodies import archive_body
from interpreterd.http.answers import json_response, listing_response
from interpreterd.http.bodies import read_json
from interpreterd.model.archives import ARCHIVE_NAME_LIMIT_CHARS


async def archive_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Write a context's variables to disk."""
    name = parse_name(await read_json(request), "name", ARCHIVE_NAME_LIMIT_CHARS)
    return json_response(archive_body(await service.state.archive(request.match_info["id"], name)))


async def hibernate_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Archive a context, and end its worker."""
    return json_response(context_body(await service.state.hibernate(request.match_info["id"])))


async def list_archives(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List all archives."""
    found = await service.state.archives(after=request.query.get("after"))
    return listing_response("archives", ((it.id, archive_body(it)) for it in found))


async def get_archive(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show one archive."""
    return json_response(archive_body(await service.state.archive_info(request.match_info["id"])))


async def delete_archive(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Delete an archive."""
    await service.state.delete_archive(request.match_info["id"])
    return json_response({"message": "Archive deleted successfully"})
