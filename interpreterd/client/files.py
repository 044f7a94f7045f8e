"""Files of a context: upload, download, list, delete. Of no file more than a piece is in memory, unless asked for."""

import asyncio
import contextlib
import io
import os
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from attrs import frozen

from interpreterd.client.arguments import check, quoted
from interpreterd.client.errors import ConnectionLost
from interpreterd.client.link import Link

OCTETS: Final = "application/octet-stream"
ANY_TYPE: Final = "*/*"
_PIECE_BYTES: Final = 256 << 10

FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview
"""The path of a file of this program, or the content itself."""


@frozen(kw_only=True)
class FileEntry:
    """A file below a context's directory.

    Attributes:
        path: Relative to the directory; for ``download``.
        kind: ``file``, ``directory``, ``symlink`` or ``other``.
        size: Bytes; None unless it is a file.
        mime_type: By its name; None unless it is a file.
    """

    path: str
    kind: str
    size: int | None
    mime_type: str | None
    modified_at: datetime

    @classmethod
    def of(cls, body: dict[str, Any]) -> "FileEntry":
        """Return a file from the daemon's JSON."""
        return cls(
            path=body["path"],
            kind=body["type"],
            size=body["size"],
            mime_type=body["mimeType"],
            modified_at=datetime.fromisoformat(body["modifiedAt"]),
        )


async def upload_file(link: Link, context_id: str, source: FileSource, name: str | None) -> FileEntry:
    """See ``Context.upload``."""
    opened: IO[bytes]
    if isinstance(source, str | os.PathLike):
        place = _place(context_id, os.path.basename(os.fspath(source)) if name is None else name)
        opened = await asyncio.to_thread(Path(source).open, "rb")
    elif name is None:
        raise TypeError("name must be given, because the content has none")
    else:
        place = _place(context_id, name)
        opened = io.BytesIO(source)
    try:
        response = await link.open("PUT", place, opened, kind=OCTETS)
        with link.translated():
            async with response:
                return FileEntry.of(await response.json())
    finally:
        await asyncio.to_thread(opened.close)


async def download_file(link: Link, context_id: str, name: str, to: str | os.PathLike[str] | None) -> bytes | Path:
    """See ``Context.download``."""
    response = await link.open("GET", _place(context_id, name), accept=ANY_TYPE)
    async with response:
        if to is None:
            return b"".join([piece async for piece in pieces_of(link, response)])
        return await save(pieces_of(link, response), Path(to), name.rpartition("/")[2])


async def list_entries(link: Link, context_id: str, glob: str | None) -> list[FileEntry]:
    """See ``Context.files``."""
    check(glob, "glob")
    query = "" if glob is None else f"?{urlencode({'glob': glob})}"
    items = await link.request_all(f"/context/{quoted(context_id)}/files{query}", "files")
    return [FileEntry.of(item) for item in items]


async def remove_file(link: Link, context_id: str, name: str, *, recursive: bool) -> None:
    """See ``Context.delete_file``."""
    await link.request("DELETE", _place(context_id, name) + ("?recursive=true" if recursive else ""))


async def save(pieces: AsyncIterator[bytes], path: Path, name: str) -> Path:
    """Write a file with all ``pieces``; until then it has another name.

    Return its path: ``path``, or if that is a directory, ``name`` in it.
    """
    if await asyncio.to_thread(path.is_dir):
        path /= name
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    file = await asyncio.to_thread(open, part, "wb")
    try:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.close)
        await asyncio.to_thread(os.replace, part, path)
    except BaseException:
        await asyncio.to_thread(_drop, file, part)
        raise
    return path


def _drop(file: IO[bytes], path: Path) -> None:
    with contextlib.suppress(OSError):
        file.close()
    path.unlink(missing_ok=True)


async def pieces_of(link: Link, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the body, whole."""
    left = response.content_length
    with link.translated():
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            left = None if left is None else left - len(piece)
            yield piece
    if left:
        raise ConnectionLost(f"the connection to {link.url} ended before the end of the file")


def _place(context_id: str, name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {type(name).__name__}")
    check(name, "name")
    # Slashes as well: a library or proxy would resolve the names "." and "..", which the daemon refuses.
    return f"/context/{quoted(context_id)}/files/{quote(name, safe='')}"
