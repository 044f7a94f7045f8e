"""Forks of a context: new contexts whose workers are copies of its worker."""

import contextlib
import time
from collections.abc import AsyncIterator

import attrs
from attrs import define, field

from interpreterd.contexts.context import Context
from interpreterd.contexts.ids import new_id
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.own_directories import CopiedDirectories, own_directories
from interpreterd.model.forks import ForkContext, ForkInfo, Lost
from interpreterd.model.state_errors import NotCarried
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.states import tell_fork
from interpreterd.workers.branching import branch
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.worker import Worker


async def fork(manager: Manager, context_id: str, request: ForkContext) -> ForkInfo:
    """Fork a context between two of its executions, once it has a worker. All of its forks are made, or none.

    Raises:
        ContextNotFound, InvalidRequest, LimitReached, NotCarried, OperationFailed, ServerShuttingDown,
            WorkerStartFailed
    """
    if context_id not in manager.tenancies.defaults:
        manager.existing(context_id)
    manager.check_room(request.count)
    HAPPENINGS.check()
    context = manager.get(context_id)
    forks = await context.operate(_Forking(manager, context, request).work, lambda made: made.abandon())
    try:
        context.transcript.note_use()
        for it in forks.contexts:
            await it.start()
            if manager.survival is not None:
                await manager.survival.record(it)
    except BaseException:
        forks.abandon()
        raise
    return forks.told()


@define
class _Forks:
    """Forks that have their workers, but do not show themselves yet.

    Attributes:
        began: When the original's turn began, on the monotonic clock.
        copies: The workers of ``contexts``.
    """

    manager: Manager
    original: Context
    request: ForkContext
    began: float
    contexts: list[Context] = field(factory=list)
    copies: list[ProcessWorker] = field(factory=list)
    lost: tuple[Lost, ...] = ()
    reseeded: tuple[str, ...] = ()

    def abandon(self) -> None:
        """End them."""
        for copy in self.copies:  # a context that has not begun to start does not know its own
            copy.kill()
        for context in self.contexts:
            self.manager.abandon(context)

    def told(self) -> ForkInfo:
        """Show them, and return what the client is told."""
        seconds = time.monotonic() - self.began
        for context in self.contexts:
            context.listed = context.request.listed
            context.transcript.tally.created(seconds)
        original, lost = self.original, len(self.lost)
        tell_fork(original.id, original.account.tenant, copies=len(self.contexts), lost=lost, seconds=seconds)
        return ForkInfo(contexts=tuple(it.info() for it in self.contexts), lost=self.lost, reseeded=self.reseeded)


class _Forking:
    """One request for forks."""

    def __init__(self, manager: Manager, original: Context, request: ForkContext) -> None:
        self._manager = manager
        self._original = original
        self._request = request

    async def work(self, worker: Worker) -> _Forks:
        """Make the forks, in the original's turn."""
        forks = _Forks(self._manager, self._original, self._request, time.monotonic())
        ids = [new_id() for _ in range(self._request.count)]
        try:
            async with self._directories(ids) as copied:
                lost = _left_behind(copied)
                if lost and self._request.strict:
                    raise NotCarried(lost)
                for context_id, copy in zip(ids, copied.paths or [None] * len(ids), strict=True):
                    forks.contexts.append(self._add(context_id, copy))
                strict, cwds = self._request.strict, copied.paths
                told = await branch(worker, purpose="fork", copies=len(ids), strict=strict, cwds=cwds)
                forks.copies, forks.lost, forks.reseeded = told.workers, told.lost + lost, told.reseeded
                for it, copied_worker in zip(forks.contexts, told.workers, strict=True):
                    it.slot.give(copied_worker)
        except BaseException:
            forks.abandon()
            raise
        return forks

    @contextlib.asynccontextmanager
    async def _directories(self, ids: list[str]) -> AsyncIterator[CopiedDirectories]:
        """Copy the directory, if that was asked for."""
        if self._request.cwd == "same":
            yield CopiedDirectories(())
            return
        original, tenancies = self._original, self._manager.tenancies
        rules = original.account.rules
        within = None if rules.cwd is None else tenancies.directory_of(original.account.tenant)
        known = self._manager.watcher.directories
        async with own_directories(original.directory, ids, place=original.place, within=within, known=known) as copied:
            yield copied

    def _add(self, context_id: str, copy: str | None) -> Context:
        original = self._original
        metadata = original.metadata if self._request.metadata is None else self._request.metadata
        cwd = copy or original.cwd
        # A directory of its own ends with the daemon, and a context without its directory could not wake up.
        persistent = False if copy else original.request.persistent
        request = attrs.evolve(original.request, cwd=cwd, metadata=metadata, archive=None, persistent=persistent)
        fork = self._manager.add(context_id, cwd, request, lambda: original.place.share(copy), original.as_origin())
        fork.listed = False  # until it can be used
        return fork


def _left_behind(copied: CopiedDirectories) -> tuple[Lost, ...]:
    """Return what the copies of the directory do not have."""
    left = [Lost("entry", f"{it.path}: {it.reason}") for it in copied.left]
    if (more := copied.left_count - len(left)) > 0:
        left.append(Lost("more", f"{more} more in the directory"))
    return tuple(left)
