"""Walks along the routes of files: every answer that openapi.json describes."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from described import Walk

from interpreterd.contexts import files as service
from interpreterd.dialects.native import files as handlers
from interpreterd.files.told import told
from interpreterd.files.writing import NewFile
from interpreterd.model.errors import LimitReached, MalformedRequest


async def files(walk: Walk, tmp_path: Path) -> None:
    """Walk along what a daemon in ``tmp_path`` answers by itself."""
    place = {"id": "default", "file": "new/file"}

    async def unfinished() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    await walk("putFile", 201, **place, data=b"one")
    made = await walk("putFile", 200, **place, data=b"three")
    assert (await walk("listFiles", 200, id="default", query="?glob=*/*"))["files"] == [made]
    assert await walk("getFile", 200, **place) == b"three"
    assert await walk("getFile", 206, **place, headers={"Range": "bytes=1-2"}) == b"hr"
    await walk("getFile", 304, **place, headers={"If-None-Match": "*"})
    await walk("getFile", 412, **place, headers={"If-Match": '"other"'})
    await walk("getFile", 416, **place, headers={"Range": "bytes=5-"})
    await walk("putFile", 400, "invalid_request", **place, data=b"x", headers={"Content-Range": "bytes 0-0/1"})
    await walk("putFile", 408, **place, data=unfinished())
    await walk("putFile", 412, **place, data=b"x", headers={"If-None-Match": "*"})
    await walk("putFile", 415, **place, data=b"x", headers={"Content-Encoding": "gzip"})
    await walk("deleteFile", 412, **place, headers={"If-Match": '"other"'})
    await walk("deleteFile", 400, "malformed_request", **place, query="?recursive=1")
    await walk("deleteFile", 409, "directory_not_empty", id="default", file="new")
    for query in ("?glob=..", "?after=.."):
        await walk("listFiles", 400, id="default", query=query)
    os.symlink("/", tmp_path / "out")
    for name in ("getFile", "putFile", "deleteFile"):
        await walk(name, 400, "invalid_path", id="default", file="a//b")
        await walk(name, 403, "path_outside", id="default", file="out/file")
        await walk(name, 404, "context_not_found")
        await walk(name, 409, "not_a_directory", id="default", file="new/file/below")
    for name in ("getFile", "putFile"):
        await walk(name, 409, "not_a_file", id="default", file="new")
    for name in ("getFile", "deleteFile"):
        await walk(name, 404, "file_not_found", id="default", file="nowhere")
    await walk("listFiles", 404, "context_not_found")
    await walk("deleteFile", 200, id="default", file="new", query="?recursive=true")


async def refused_files(walk: Walk, patch: pytest.MonkeyPatch) -> None:
    """Walk along what only the system may refuse: ``patch`` lets it."""
    refusals = {
        errno.EACCES: (403, "permission_denied"),
        errno.EIO: (500, "file_failed"),
        errno.EMFILE: (503, "out_of_resources"),
    }
    for number, (status, code) in refusals.items():
        with patch.context() as refusing:
            fail = _failing(number)
            refusing.setattr(service, "list_files", fail)
            refusing.setattr(service, "delete_below", fail)
            refusing.setattr(service.ReadableFile, "open", fail)
            refusing.setattr(service, "NewFile", fail)
            for name in ("listFiles", "getFile", "putFile", "deleteFile"):
                await walk(name, status, code, id="default")
    with patch.context() as refusing:
        refusing.setattr(service, "list_files", _failing(errno.ENOENT))
        refusing.setattr(service, "NewFile", _failing(errno.ENOENT))
        for name in ("listFiles", "putFile"):
            await walk(name, 404, "file_not_found", id="default")
    for number, status, code in ((errno.ENOSPC, 507, "disk_full"), (errno.EFBIG, 413, "file_too_large")):
        with patch.context() as refusing:
            refusing.setattr(NewFile, "write", _failing(number))
            await walk("putFile", status, code, id="default", data=b"x")
    with patch.context() as refusing:
        refusing.setattr(handlers, "body_pieces", _broken)
        await walk("putFile", 400, "malformed_request", id="default", data=b"x")
    with patch.context() as refusing:
        refusing.setattr(service.Transfers, "begin", _too_many)
        for name in ("getFile", "putFile"):
            await walk(name, 503, "limit_reached", id="default")


def _failing(number: int) -> Callable[..., Any]:
    def fail(*args: Any, **keys: Any) -> Any:
        with told("file"):
            raise OSError(number, os.strerror(number))

    return fail


async def _broken(request: Any) -> AsyncIterator[bytes]:
    raise MalformedRequest("the body cannot be read")
    yield b""


def _too_many(self: Any) -> None:
    raise LimitReached("too many")
