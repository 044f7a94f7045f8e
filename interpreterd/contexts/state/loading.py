"""The archive of a new context: checked before there is a context, loaded as a part of its first worker's start."""

import asyncio
import os
import time
from typing import TYPE_CHECKING, Self

import attrs

from interpreterd.background import mark_seen
from interpreterd.contexts.state.archiving import in_transfer_thread, load_archive
from interpreterd.model.archives import ArchiveInfo, LoadInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import InterpreterError, WorkerStartFailed
from interpreterd.model.python import Python
from interpreterd.model.requests import CreateContext
from interpreterd.model.state_errors import ArchiveRefused, NoStateDirectory
from interpreterd.monitoring.states import tell_loaded
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context
    from interpreterd.contexts.manager import Manager
    from interpreterd.contexts.state.backends.backend import StateBackend
    from interpreterd.contexts.state.backends.reading import ArchiveReader


async def created_from_archive(manager: "Manager", request: CreateContext, archive: str) -> ContextInfo:
    """Return a new context with what is in ``archive``, an id or a name.

    Raises as ``Manager.create``, and:
        NoStateDirectory, ArchiveNotFound
        ArchiveRefused: It cannot be loaded; says why.
    """
    if manager.archives is None:
        raise NoStateDirectory
    began = time.monotonic()
    loading = await manager.archives.loading(archive, await manager.python())
    try:
        info = await manager.create(request, loading.attach)
    except WorkerStartFailed:
        if loading.error is not None:
            raise loading.error.again() from None
        raise
    finally:
        loading.close()
    assert loading.info is not None
    tell_loaded(
        info.id,
        request.tenant,
        archive_id=loading.info.archive_id,
        skipped=len(loading.info.skipped),
        seconds=time.monotonic() - began,
    )
    return attrs.evolve(info, loaded=loading.info)


def check_python(info: ArchiveInfo, python: Python) -> None:
    """Raise ``ArchiveRefused`` unless workers of ``python`` can load the archive ``info``."""
    if info.implementation != "cpython" or _minor(info.python) != _minor(python.version):
        raise ArchiveRefused(
            f"the archive {info.id} was made by {_named(info.implementation)} {info.python}, and contexts of this "
            f"daemon run CPython {python.version}: the minor version must be the same"
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _named(implementation: str) -> str:
    return "CPython" if implementation == "cpython" else implementation or "Python"


class Loading:
    """One archive on its way into one context. The owner calls ``close``.

    Attributes:
        info: What the context has got; None until then.
        error: Why it could not get it, if so.
    """

    def __init__(self, backend: "StateBackend", reader: "ArchiveReader") -> None:
        """Load what ``reader`` reads, which is its own now. The content is checked meanwhile, in a thread."""
        self.info: LoadInfo | None = None
        self.error: InterpreterError | None = None
        self._reader = reader
        self._checking = asyncio.ensure_future(in_transfer_thread(lambda: backend.content_file(reader)))
        self._checking.add_done_callback(mark_seen)

    def attach(self, context: "Context") -> Self:
        """Let the first worker of ``context`` get it; later ones begin as those of other contexts do."""
        former = context.slot.prepare

        async def prepare(worker: Worker) -> None:
            context.slot.prepare = former
            await self._load(worker)
            if former is not None:
                await former(worker)

        context.slot.prepare = prepare
        return self

    async def _load(self, worker: Worker) -> None:
        try:
            loaded = await load_archive(worker, self._reader, self._checking)
        except InterpreterError as error:
            self.error = error
            raise WorkerStartFailed(str(error)) from error
        archived = self._reader.info
        self.info = LoadInfo(
            archive_id=archived.id,
            saved=loaded.restored,
            skipped=(*archived.skipped, *loaded.skipped),  # what was not saved, and what could not be given back
            omitted=archived.omitted + loaded.omitted,
        )

    def close(self) -> None:
        """Close its files, when no thread reads them any more."""
        self._checking.add_done_callback(self._close)

    def _close(self, checking: "asyncio.Future[int]") -> None:
        if not checking.cancelled() and checking.exception() is None:
            os.close(checking.result())
        self._reader.close()
