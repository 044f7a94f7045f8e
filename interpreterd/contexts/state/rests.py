"""The archives of contexts at rest, in the daemon's state directory; those of clients are apart from them."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from interpreterd.contexts.state.archiving import in_transfer_thread, load_archive
from interpreterd.contexts.state.carrying import in_state_thread
from interpreterd.contexts.state.keeping import Rest
from interpreterd.contexts.state.loading import check_python
from interpreterd.contexts.state.recording import Recording, name_of
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.contexts.state.survival import Survival
from interpreterd.model.archives import ArchiveInfo, Skipped
from interpreterd.model.python import Python
from interpreterd.workers.branching import branch, losses
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context
    from interpreterd.contexts.state.archives import KeptArchives
    from interpreterd.contexts.state.backends.reading import ArchiveReader

# Threads of libraries, and what is on a graphics card, begin anew wherever an archive is loaded.
_NO_LOSS: Final = ("thread_pool", "gpu")


def kept_contexts(
    settings: StateSettings, archives: "KeptArchives", python: Callable[[], Awaitable[Python]]
) -> Survival:
    """Return what keeps contexts beside ``archives``, which stay the caller's."""
    return Survival(settings, ArchivedRests(archives, python), Recording(archives.backend))


class ArchivedRests:
    """Implements ``survival.Rests``."""

    def __init__(self, archives: "KeptArchives", python: Callable[[], Awaitable[Python]]) -> None:
        """Use ``archives``, which stay the caller's; ``python`` returns that of all workers."""
        self._archives = archives
        self._python = python
        self._known: dict[str, ArchiveInfo] = {}

    async def save(self, context: "Context", worker: Worker) -> Rest:
        """See ``keeping.Keeping``; likewise the other methods, as far as they are not told of here."""
        info = await self._archives.write(context, worker, await self._python(), kind="rests")
        self._known[info.id] = info
        return Rest(info.id, info.skipped, size_bytes=info.size_bytes)

    async def load(self, context: "Context", worker: Worker, archive_id: str) -> tuple[Skipped, ...]:
        python = await self._python()
        backend = self._archives.backend
        reader = await in_state_thread(lambda: backend.open("rests", archive_id))
        checking: asyncio.Future[int] | None = None
        try:
            check_python(reader.info, python)
            checking = asyncio.ensure_future(in_transfer_thread(lambda: backend.content_file(reader)))
            loaded = await load_archive(worker, reader, checking)
        finally:
            if checking is None:
                reader.close()
            else:
                checking.add_done_callback(lambda it: _close(it, reader))
        return (*reader.info.skipped, *loaded.skipped)

    async def copy(self, worker: Worker) -> Worker:
        return (await branch(worker, purpose="checkpoint")).workers[0]

    async def lost(self, context: "Context", worker: Worker) -> Sequence[tuple[str, str]]:
        found = [it for it in await losses(worker) if it.kind not in _NO_LOSS]
        return [(it.name or it.kind, f"{it.kind}, which ends with its process") for it in found]

    async def remove(self, archive_id: str) -> None:
        """See ``survival.Rests``; likewise ``keep_only``."""
        await in_state_thread(lambda: self._archives.backend.delete("rests", archive_id))
        if (info := self._known.pop(archive_id, None)) is not None:
            self._archives.uncount_rest(info)

    async def keep_only(self, archive_ids: Iterable[str]) -> None:
        kept, backend = set(archive_ids), self._archives.backend
        infos, names = await in_state_thread(lambda: (backend.list("rests"), set(backend.record_names())))
        self._known = {it.id: it for it in infos}
        for info in infos:
            # The record of a context may be there, and not to be read: perhaps another daemon can.
            if info.id not in kept and name_of(info.context_id) not in names:
                await self.remove(info.id)


def _close(checking: "asyncio.Future[int]", reader: "ArchiveReader") -> None:
    if not checking.cancelled() and checking.exception() is None:
        os.close(checking.result())
    reader.close()
