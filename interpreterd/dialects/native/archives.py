"""Archives of contexts over plain HTTP."""

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.bodies import context_body
from interpreterd.dialects.native.forks import parse_name
from interpreterd.dialects.native.state_bodies import archive_body
from interpreterd.http.answers import json_response, listing_response
from interpreterd.http.bodies import read_json
from interpreterd.http.downloads import send_file
from interpreterd.http.uploads import body_pieces, check_whole
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


async def get_archive_content(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Send the file of an archive, or a part of it."""
    content = await service.state.archive_content(request.match_info["id"])
    try:
        return await send_file(request, content)
    finally:
        content.close()


async def put_archive_content(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Take the file of an archive, once all of it has come and has been checked."""
    check_whole(request)
    return json_response(archive_body(await service.state.put_archive(request.match_info["id"], body_pieces(request))))
