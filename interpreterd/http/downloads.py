"""A file as an answer: whole or a part, piece by piece as the client takes it, and harmless in a browser."""

import contextlib
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web

from interpreterd.http.preconditions import FilePart, http_date, is_unchanged, quoted_tag, wanted_part
from interpreterd.model.file_port import Download
from interpreterd.model.files import FileInfo
from interpreterd.model.mime import mime_type

FILE_PIECE_BYTES: Final = 256 << 10
# The file may be a page with a script: a browser must neither show it as a page of this daemon, nor guess what it is,
# nor hand it to pages of other sites.
_HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


async def send_file(request: web.Request, file: Download) -> web.StreamResponse:
    """Answer a GET or HEAD with ``file``, as its conditions and its range want it.

    Raises:
        ConditionFailed, RangeOutside: Nothing has been sent.
    """
    info = file.info
    headers = _headers(info)
    if is_unchanged(request, info):
        return web.Response(status=304, headers=headers)
    part = wanted_part(request, info) if request.method == hdrs.METH_GET else None
    if part is not None:
        headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.end - 1}/{info.size_bytes}"
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    part = part or FilePart(0, info.size_bytes)
    response.content_length = part.end - part.start
    response.headers[hdrs.CONTENT_TYPE] = mime_type(info.path)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        if request.method == hdrs.METH_GET:
            await _send(request, response, file, part)
    return response


async def _send(request: web.Request, response: web.StreamResponse, file: Download, part: FilePart) -> None:
    offset = part.start
    while offset < part.end:
        data = await file.read(offset, min(FILE_PIECE_BYTES, part.end - offset))
        if not data:  # it is shorter by now: only the end of the connection says so
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the file has been cut")
        offset += len(data)
        await response.write(data)


def _headers(info: FileInfo) -> dict[str, str]:
    name = quote(info.path.rpartition("/")[2].encode(errors="surrogateescape"), safe="")
    return {
        **_HARMLESS,
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.CONTENT_DISPOSITION: f"attachment; filename*=UTF-8''{name}",
        hdrs.ETAG: quoted_tag(info),
        hdrs.LAST_MODIFIED: http_date(info),
    }
