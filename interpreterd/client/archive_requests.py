"""The requests for archives: list, show, delete, and their content, of which no more than a piece is in memory."""

import asyncio
import io
import os
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

from interpreterd.client.arguments import check
from interpreterd.client.core import ClientCore
from interpreterd.client.files import ANY_TYPE, OCTETS, FileSource, pieces_of, save
from interpreterd.client.options import ContextOptions, check_keywords
from interpreterd.client.state import Archive

SUFFIX: Final = ".archive"


def archive_name(archive: str | Archive) -> str:
    """Return what names an archive to the daemon: its id or name."""
    it = archive.id if isinstance(archive, Archive) else archive
    if not isinstance(it, str):
        raise TypeError(f"archive must be an id or name, or an Archive, not {type(it).__name__}")
    check(it, "archive")
    return it


def with_archive(call: str, archive: str | Archive, options: ContextOptions) -> ContextOptions:
    """Return the options of a context that begins with an archive; raise TypeError for an unknown one of ``call``."""
    check_keywords(call, options, ContextOptions)
    return {**options, "archive": archive_name(archive)}


async def ask_archives(core: ClientCore) -> list[dict[str, Any]]:
    """Return all archives."""
    return await (await core.open()).request_all("/archives", "archives")


async def ask_archive_info(core: ClientCore, archive: str | Archive) -> dict[str, Any]:
    """Return an archive."""
    return await (await core.open()).request("GET", _path(archive_name(archive)))


async def drop_archive(core: ClientCore, archive: str | Archive) -> None:
    """Delete an archive."""
    it = await _found(core, archive)
    await (await core.open()).request("DELETE", _path(it))


async def fetch_archive(core: ClientCore, archive: str | Archive, to: str | os.PathLike[str]) -> Path:
    """See ``Interpreter.download_archive``."""
    it = await _found(core, archive)
    link = await core.open()
    response = await link.open("GET", _path(it) + "/content", accept=ANY_TYPE)
    async with response:
        return await save(pieces_of(link, response), Path(to), it + SUFFIX)


async def send_archive(core: ClientCore, source: FileSource, archive: str | Archive | None) -> dict[str, Any]:
    """See ``Interpreter.upload_archive``."""
    opened: IO[bytes]
    if isinstance(source, str | os.PathLike):
        it = Path(source).name.removesuffix(SUFFIX) if archive is None else archive_name(archive)
        opened = await asyncio.to_thread(Path(source).open, "rb")
    elif archive is None:
        raise TypeError("archive must be given, because the content has no name")
    else:
        it, opened = archive_name(archive), io.BytesIO(source)
    link = await core.open()
    try:
        response = await link.open("PUT", _path(it) + "/content", opened, kind=OCTETS)
        with link.translated():
            async with response:
                body: dict[str, Any] = await response.json()
                return body
    finally:
        await asyncio.to_thread(opened.close)


async def _found(core: ClientCore, archive: str | Archive) -> str:
    """Return the id of an archive that may be given by its name: several have it, and the latest counts."""
    if isinstance(archive, Archive):
        return archive.id
    return str((await ask_archive_info(core, archive))["archiveId"])


def _path(archive: str) -> str:
    return f"/archives/{quote(archive, safe='')}"
