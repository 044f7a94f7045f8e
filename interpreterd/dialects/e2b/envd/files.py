"""``/files``: reads a file, and writes files. Errors are envd's: ``{"code": 404, "message": "…"}``."""

import asyncio
import binascii
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import hdrs, web

from interpreterd.dialects.e2b.envd.errors import EnvdRefused, files_body, status_of
from interpreterd.dialects.e2b.envd.helpers import Helpers
from interpreterd.dialects.e2b.envd.parts import parts_of
from interpreterd.dialects.e2b.envd.state import check_user
from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.http.answers import json_response
from interpreterd.http.downloads import send_file
from interpreterd.http.errors import ErrorAnswer
from interpreterd.model.errors import InterpreterError, MalformedRequest
from interpreterd.model.file_errors import FileTooLarge, RangeOutside
from interpreterd.model.files import FileInfo
from interpreterd.model.names import JSON
from interpreterd.monitoring.happenings import tell_refusal

TRANSFER_BYTES: Final = 1 << 20  # a helper takes a millisecond or two for each piece
METADATA: Final = "x-metadata-"
FILE_METADATA_LIMIT: Final = 64
_Handler = Callable[[Sandbox, web.Request], Awaitable[web.StreamResponse]]


def envd_errors(handler: _Handler) -> _Handler:
    """Answer errors of ``handler`` as envd does."""

    @functools.wraps(handler)
    async def telling(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.to_thread(check_user, request.query.get("username", ""))
            return await handler(sandbox, request)
        except RangeOutside as error:
            headers = {str(hdrs.CONTENT_RANGE): f"bytes */{error.size_bytes}"}
            return ErrorAnswer(416, files_body(416, str(error)), headers, JSON).response()
        except InterpreterError as error:
            tell_refusal(error)
            status = status_of(error)
            return ErrorAnswer(status, files_body(status, str(error)), content_type=JSON).response()

    return telling


class _Readable:
    """A file that is read piece by piece: a ``service.Download``."""

    def __init__(self, helpers: Helpers, info: FileInfo, head: bytes) -> None:
        """Read the file of ``info``, which begins with ``head``."""
        self._helpers = helpers
        self.info = info
        self._offset = 0
        self._data = head

    async def read(self, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; none if it is another file by now."""
        if not self._offset <= offset < self._offset + len(self._data):
            self._offset, self._data = offset, await self._fetch(offset)
        start = offset - self._offset
        return self._data[start : start + size]

    async def _fetch(self, offset: int) -> bytes:
        identity = self.info.etag.partition("-")[0]
        try:
            data = await self._helpers.call(
                "read", path=self.info.path, identity=identity, offset=offset, size=TRANSFER_BYTES
            )
        except InterpreterError:
            return b""  # the answer has begun: its end, before all is sent, tells of it
        return data if isinstance(data, bytes) else b""


@envd_errors
async def read_file(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Send the file at ``?path=``, or a part of it."""
    found = await sandbox.envd.helpers.call("look", path=_path(request))
    try:
        info = FileInfo(
            path=found["path"],
            kind="file",
            size_bytes=found["size"],
            modified_at=found["modified"] / 10**9,
            etag=f"{found['identity']}-{found['modified']:x}-{found['size']:x}",
        )
        head = binascii.a2b_base64(found["head"])
    except (KeyError, TypeError, ValueError) as error:
        raise EnvdRefused("internal", f"the file was described in a wrong way: {error}") from None
    return await send_file(request, _Readable(sandbox.envd.helpers, info, head))


@envd_errors
async def write_files(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Write the body to ``?path=``, or each part of a form to the path that is its file name."""
    metadata = _metadata(request)
    written = []
    async with contextlib.aclosing(parts_of(request)) as parts:
        async for path, pieces in parts:
            kept = _limited(pieces, path, sandbox.service.file_limit_bytes)
            written.append(await _write(sandbox.envd.helpers, path, kept, metadata))
    if not written:
        raise MalformedRequest("the form must have at least one part with the name file")
    return json_response(written)


async def _write(helpers: Helpers, path: str, pieces: AsyncIterator[bytes], metadata: Mapping[str, str]) -> Any:
    """Write a file when it has arrived; a large one waits elsewhere until then."""
    about: dict[str, Any] = {"path": path, "metadata": dict(metadata)}
    kept = bytearray()
    place: Any = None
    try:
        async for piece in pieces:
            kept += piece
            while len(kept) > TRANSFER_BYTES:
                place = place or await helpers.call("begin")
                await helpers.call("add", data=bytes(kept[:TRANSFER_BYTES]), place=place)
                del kept[:TRANSFER_BYTES]
        if place is None:
            return await helpers.call("put", data=bytes(kept), **about)
        await helpers.call("add", data=bytes(kept), place=place)
        return await helpers.call("commit", place=place, **about)
    finally:
        if place is not None:
            with contextlib.suppress(InterpreterError):
                await asyncio.shield(helpers.call("drop", place=place))


async def _limited(pieces: AsyncIterator[bytes], path: str, limit_bytes: int | None) -> AsyncIterator[bytes]:
    size_bytes = 0
    async for piece in pieces:
        size_bytes += len(piece)
        if limit_bytes is not None and size_bytes > limit_bytes:
            raise FileTooLarge(f"the file is larger than the limit of {limit_bytes} bytes: {path}")
        yield piece


def _path(request: web.Request) -> str:
    path = request.query.get("path", "")
    if not path:
        raise MalformedRequest("path must be given, as a part of the query")
    return path


def _metadata(request: web.Request) -> dict[str, str]:
    """Return what the client says about its files, in headers."""
    found = {
        name.lower().removeprefix(METADATA): value
        for name, value in request.headers.items()
        if name.lower().startswith(METADATA)
    }
    if len(found) > FILE_METADATA_LIMIT:
        raise MalformedRequest(f"there must be at most {FILE_METADATA_LIMIT} headers X-Metadata-…")
    if "" in found or not all(value.isascii() and value.isprintable() for value in found.values()):
        raise MalformedRequest("headers X-Metadata-… must have a name, and values of printable ASCII")
    return found


@envd_errors
async def tell_environment(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Tell the environment variables of commands."""
    found = await sandbox.envd.helpers.call("environment")
    return json_response({**found, **sandbox.envs} if isinstance(found, dict) else {})


@envd_errors
async def tell_metrics(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Tell how much of the machine is used."""
    found = await sandbox.envd.helpers.call("metrics")
    return json_response(found)
