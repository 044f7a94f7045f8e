"""The files of a context over plain HTTP: list them, read one, write one, delete one."""

import os
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from aiohttp import hdrs, web

from interpreterd.contexts.service import ContextService
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import query_flag
from interpreterd.http.downloads import send_file
from interpreterd.http.preconditions import parse_condition, quoted_tag
from interpreterd.http.timestamp import timestamp
from interpreterd.http.uploads import body_pieces, check_whole
from interpreterd.model.files import FileInfo
from interpreterd.model.mime import mime_type


async def list_context_files(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List what is below a context's directory: everything, or what ``?glob=`` matches."""
    files = await service.files(request.match_info["id"])
    page = await files.list(glob=request.query.get("glob"), after=request.query.get("after"))
    more = {} if page.next is None else {"next": page.next}
    return json_response({"files": [file_body(info) for info in page.files], **more})


async def get_file(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Send a file, or a part of it."""
    files = await service.files(request.match_info["id"])
    async with files.reading(_path(request)) as file:
        return await send_file(request, file)


async def put_file(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Make or replace a file by the body, once that is complete."""
    check_whole(request)
    files = await service.files(request.match_info["id"])
    path = _path(request)
    async with files.writing(path, parse_condition(request), size_bytes=request.content_length) as upload:
        async for piece in body_pieces(request):
            await upload.write(piece)
        info, is_new = await upload.commit()
    headers: dict[str, str] = {hdrs.ETAG: quoted_tag(info)}
    if is_new:
        headers[hdrs.LOCATION] = request.rel_url.raw_path
    return json_response(file_body(info), status=201 if is_new else 200, headers=headers)


async def delete_file(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Delete a file or an empty directory; with ``?recursive=true`` any directory."""
    recursive = query_flag(request, "recursive")
    files = await service.files(request.match_info["id"])
    await files.delete(_path(request), parse_condition(request), recursive=recursive)
    return json_response({"message": "File deleted successfully"})


def file_body(info: FileInfo) -> dict[str, Any]:
    """Return a file as JSON. A name that is not UTF-8 is also there as in a URL: no JSON can hold it."""
    name = info.path.encode(errors="surrogateescape")
    path = name.decode(errors="replace")
    is_file = info.kind == "file"
    return {
        "path": path,
        "size": info.size_bytes if is_file else None,
        "modifiedAt": timestamp(info.modified_at),
        "type": info.kind,
        "mimeType": mime_type(info.path) if is_file else None,
        **({} if path == info.path else {"encodedPath": quote(name)}),
    }


def _path(request: web.Request) -> str:
    """Return the path of the file that the URL names; aiohttp's own decoding keeps bytes that are not UTF-8 encoded."""
    resource = request.match_info.route.resource
    assert resource is not None, "a route has a path"
    slashes = resource.canonical.count("/")
    return os.fsdecode(unquote_to_bytes(request.rel_url.raw_path.split("/", slashes)[slashes]))
