"""Contexts that outlive the daemon, and contexts that hibernate: what the daemon does for all of them.

On disk, a persistent context is a record, and an archive that the record names. The order of changes makes that whole
at each moment: an archive is there before a record names it, a record goes before its archive. So a daemon that starts
finds each context as it was at rest, and no context that was deleted; and it removes archives that no record names.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from interpreterd.background import supervised
from interpreterd.contexts.state.hibernation import Hibernation
from interpreterd.contexts.state.keeping import Moment, Rest
from interpreterd.contexts.state.recording import Recording
from interpreterd.contexts.state.records import ContextRecord
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.machine.states import State
from interpreterd.model.archives import Skipped
from interpreterd.model.errors import InterpreterError
from interpreterd.workers.directory import real_directory
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context
    from interpreterd.contexts.manager import Manager
    from interpreterd.contexts.state.handover import Takeover

ARCHIVES_AT_ONCE: Final = 4  # archives that are written at the same time when the daemon ends
LOADS_PER_PROCESSOR: Final = 2
_log = logging.getLogger(__name__)


class Rests(Protocol):
    """Archives of contexts at rest, apart from those that clients have asked for."""

    async def save(self, context: "Context", worker: Worker) -> Rest:
        """See ``keeping.Keeping``; likewise the next three."""
        ...

    async def load(self, context: "Context", worker: Worker, archive_id: str) -> tuple[Skipped, ...]: ...
    async def copy(self, worker: Worker) -> Worker: ...
    async def lost(self, context: "Context", worker: Worker) -> Sequence[tuple[str, str]]: ...
    async def remove(self, archive_id: str) -> None:
        """Remove an archive, if it is there. Raises ``InterpreterError``."""
        ...

    async def keep_only(self, archive_ids: Iterable[str]) -> None:
        """Remove all archives but these, and but those of contexts with a record. Raises ``InterpreterError``."""
        ...


class Survival:
    """Implements ``keeping.Keeping``. Owned by the manager, whose contexts it keeps."""

    tasks: asyncio.TaskGroup

    def __init__(self, settings: StateSettings, rests: Rests, recording: Recording) -> None:
        """``rests`` and ``recording`` are its own from now on."""
        self.archive_after_s = settings.archive_after_s
        self.hibernate_after_s = settings.hibernate_after_s
        self._usual = settings.persistent
        self._is_closed = False
        self._takeover: Takeover | None = None
        self._rests = rests
        self._recording = recording
        # An archive takes more processor time than a worker's start: more at once would only hold each other up.
        self._loads = asyncio.Semaphore(LOADS_PER_PROCESSOR * len(os.sched_getaffinity(0)))

    async def recover(self, manager: "Manager", tasks: asyncio.TaskGroup) -> None:
        """Offer the contexts of former daemons, later those of one that still ends. What fails is only logged."""
        self.tasks = tasks
        try:
            await self._recover(manager)
        except InterpreterError as error:
            _log.error("persistent contexts cannot be offered: %s", error)

    async def _recover(self, manager: "Manager") -> None:
        if not self._recording.is_owner:
            from interpreterd.contexts.state.handover import Takeover

            self._takeover = Takeover(self._recording, lambda records: self._offer(records, manager))
            await self._takeover.begin()
            supervised(self.tasks, self._takeover.follow(), _log, "the contexts of the former daemon are not offered")
            return
        records = await self._recording.read()
        await self._offer(records, manager)
        await self._rests.keep_only(it.archive_id for it in records if it.archive_id is not None)

    async def _offer(self, records: Sequence[ContextRecord], manager: "Manager") -> None:
        """Offer contexts. What is wrong with one is logged, and keeps no other back."""
        if not records:
            return
        from interpreterd.contexts.state.offering import offered, register

        # In a thread: where a directory is gone, a link is followed step by step.
        directories = await asyncio.to_thread(lambda: {it: real_directory(it) for it in {it.cwd for it in records}})
        for record in records:
            try:
                context = offered(record, directories[record.cwd], manager)
                context.kept = Hibernation(context, self, persistent=True)
                moment = Moment(0, record.begun, record.count, record.count_before)
                context.kept.recall(Rest(record.archive_id, moment=moment))
                register(context, manager)
            except Exception:
                _log.exception("context %s is not offered", record.id)
        _log.info("%d persistent contexts hibernate", len(records))

    def is_elsewhere(self, context_id: str) -> bool:
        """Whether a context is still in the daemon that this one replaces."""
        return self._takeover is not None and self._takeover.has(context_id)

    async def leave_to_successor(self, manager: "Manager") -> None:
        """Hand the contexts of ``manager`` over to the daemon that replaces it; return when it has none left."""
        from interpreterd.contexts.state.handover import leave_to_successor

        await leave_to_successor(manager, self._recording)

    def attach(self, context: "Context") -> None:
        """Let a new context be kept, or hibernate, if it is to; ``record`` writes its first record."""
        asked = context.request.persistent
        is_persistent = context.listed and (self._usual if asked is None else asked)
        if is_persistent or (context.listed and self.hibernate_after_s is not None):
            context.kept = Hibernation(context, self, persistent=is_persistent)
            context.kept.wait()

    def attached(self, context: "Context") -> Hibernation:
        """Return what becomes of ``context`` when it rests; now it may hibernate."""
        if context.kept is None:
            context.kept = Hibernation(context, self, persistent=False)
            context.kept.touch()  # it may have run code
        return context.kept

    async def record(self, context: "Context") -> None:
        """Write the record of a context, if it is persistent. Raises ``InterpreterError``."""
        if context.kept is not None and context.kept.persistent:
            await self.write_record(context)

    def record_soon(self, context: "Context") -> None:
        """Do the same in the background; a failure is logged."""
        if context.kept is not None and context.kept.persistent:
            failure = "context %s: its record could not be written"
            supervised(self.tasks, self.write_record(context), _log, failure, context.id)

    async def rest_all(self, contexts: Iterable["Context"], within_s: float) -> None:
        """Archive all persistent contexts that are idle, for at most ``within_s``; of others the last archive stays."""
        due = [it for it in contexts if it.kept is not None and it.kept.persistent and not it.kept.is_current]
        due = [it for it in due if it.worker_state in (State.IDLE, State.OPERATING)]
        if not due:
            return
        _log.info("%d persistent contexts are archived", len(due))
        places = asyncio.Semaphore(ARCHIVES_AT_ONCE)
        resting = [asyncio.ensure_future(self._rest(it, places)) for it in due]
        try:
            _, late = await asyncio.wait(resting, timeout=within_s)
        finally:
            for task in resting:
                task.cancel()
        if late:
            _log.warning("%d contexts could not be archived within %g s", len(late), within_s)
            await asyncio.wait(late)

    async def _rest(self, context: "Context", places: asyncio.Semaphore) -> None:
        assert context.kept is not None
        try:
            async with places:
                await context.kept.archive()
        except InterpreterError as error:
            _log.warning("context %s could not be archived: %s", context.id, error)

    async def forget(self, context: "Context") -> None:
        """The context is deleted, and never comes back. Raises ``InterpreterError``: then it may come back."""
        if (kept := context.kept) is None:
            return
        kept.close()
        if kept.persistent:
            await self._recording.remove(context.id)
        await kept.archived.discard_all()

    async def close(self, contexts: Iterable["Context"]) -> None:
        """The daemon ends: of its ``contexts``, the persistent ones stay on disk."""
        for context in contexts:
            if context.kept is not None and not context.kept.persistent:
                await context.kept.archived.discard_all()
        if not self._is_closed:
            self._is_closed = True
            await self._recording.close()

    # keeping.Keeping

    async def save(self, context: "Context", worker: Worker) -> Rest:
        return await self._rests.save(context, worker)

    async def load(self, context: "Context", worker: Worker, archive_id: str) -> tuple[Skipped, ...]:
        async with self._loads:
            return await self._rests.load(context, worker, archive_id)

    async def copy(self, worker: Worker) -> Worker:
        return await self._rests.copy(worker)

    async def lost(self, context: "Context", worker: Worker) -> Sequence[tuple[str, str]]:
        return await self._rests.lost(context, worker)

    async def discard(self, archive_id: str) -> None:
        try:
            await self._rests.remove(archive_id)
        except InterpreterError as error:
            _log.warning("the archive %s could not be removed: %s", archive_id, error)

    async def write_record(self, context: "Context") -> None:
        if context.kept is not None and not context.kept.archived.is_closed:
            await self._recording.write(record_of(context))


def record_of(context: "Context") -> ContextRecord:
    """Return the record of a persistent context: what it is now, with its latest archive."""
    kept, info, request = context.kept, context.info(), context.request
    assert kept is not None
    moment = kept.rest.moment
    return ContextRecord(
        id=context.id,
        cwd=context.cwd,
        created_at=info.created_at,
        last_used_at=info.last_used_at,
        metadata=info.metadata,
        envs=request.envs,
        limits=request.limits,
        isolation=request.isolation,
        tenant=request.tenant,
        begun=moment.begun,
        count=moment.count,
        count_before=moment.count_before,
        archive_id=kept.rest.archive_id,
        forked_from=info.forked_from or "",
    )
