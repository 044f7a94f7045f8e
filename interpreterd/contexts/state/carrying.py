"""Carries an archive away from this daemon, and takes one that was carried here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from interpreterd.background import mark_seen
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.receiving import ArchiveUpload, are_the_same
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.files import FileInfo
from interpreterd.model.state_errors import ArchiveExists

if TYPE_CHECKING:
    from interpreterd.contexts.state.backends.backend import StateBackend

_threads: Final = ThreadPoolExecutor(8, thread_name_prefix="state")
_T = TypeVar("_T")


async def in_state_thread(work: Callable[[], _T]) -> _T:
    """Return what ``work`` returns, which may wait for the disk, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


class ArchiveDownload:
    """See ``model.state_port.ArchiveContent``."""

    def __init__(self, reader: ArchiveReader) -> None:
        """Send the file that ``reader``, which is its own now, has open."""
        self._reader = reader
        info = reader.info
        self._info = FileInfo(
            path=f"{info.id}.archive",
            kind="file",
            size_bytes=info.size_bytes,
            modified_at=info.created_at,
            etag=reader.etag,
        )
        self._reading: asyncio.Future[bytes] | None = None

    @property
    def info(self) -> FileInfo:
        return self._info

    async def read(self, offset: int, size: int) -> bytes:
        self._reading = asyncio.ensure_future(in_state_thread(lambda: self._reader.read(offset, size)))
        return await asyncio.shield(self._reading)

    def close(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.add_done_callback(lambda _: self._reader.close())
        else:
            self._reader.close()


async def take_archive(
    backend: "StateBackend",
    archive_id: str,
    content: AsyncIterator[bytes],
    *,
    tenant: str,
    may_have: Callable[[int], None],
) -> tuple[ArchiveInfo, bool]:
    """Take an archive of ``tenant``; return whether it was not there before. ``may_have`` is as for ``receive``.

    Raises:
        ArchiveRefused, InvalidRequest: It is no archive of ours, or not this one.
        ArchiveExists: Another one has this id.
        DiskFull, FileError, OutOfResources
    """
    upload = await in_state_thread(lambda: backend.receive("archives", may_have))
    try:
        async for piece in content:
            await in_state_thread(_writing(upload, piece))
        # Shielded: its thread has the file, and closes what it opens.
        taking = asyncio.ensure_future(in_state_thread(lambda: _take(backend, upload, archive_id, tenant)))
        taking.add_done_callback(mark_seen)
        return await asyncio.shield(taking)
    finally:
        await asyncio.shield(in_state_thread(upload.close))


def _writing(upload: ArchiveUpload, piece: bytes) -> Callable[[], None]:
    return lambda: upload.write(piece)


def _take(backend: "StateBackend", upload: ArchiveUpload, archive_id: str, tenant: str) -> tuple[ArchiveInfo, bool]:
    reader = upload.check(archive_id)
    try:
        try:
            return upload.commit(reader, tenant), True
        except FileExistsError:
            pass
        with_tenant = attrs.evolve(reader.info, tenant=tenant)
        there = backend.open("archives", archive_id)
        try:
            if not are_the_same(there.info, there.table(), with_tenant, reader.table()):
                raise ArchiveExists(archive_id)
            return there.info, False
        finally:
            there.close()
    finally:
        reader.close()
