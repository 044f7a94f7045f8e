"""What becomes of one context when it rests: it is archived, and perhaps without a worker until its next use.

A *persistent* context is archived when it has rested for a while, so that it outlives the daemon. A context that
*hibernates* has no worker: it was archived whole, and its next worker gets everything back before it runs code.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

import attrs

from interpreterd.background import supervised
from interpreterd.contexts.state.keeping import Keeping, Moment, Rest
from interpreterd.contexts.state.rest_clock import RestClock
from interpreterd.logs.handler import about
from interpreterd.machine.states import State
from interpreterd.model.archives import Skipped
from interpreterd.model.errors import InterpreterError, WorkerStartFailed
from interpreterd.model.events import Event, Restarted
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import NotSavedWhole, OperationFailed, OutOfStep
from interpreterd.monitoring.states import count_archive, tell_hibernation, tell_wake
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context

QUICK_S: Final = 0.1  # so long an execution may wait for an archive
_log = logging.getLogger(__name__)


class Hibernation:
    """The rest of one context. Owned by the context.

    Attributes:
        persistent: Whether the context outlives the daemon.
        is_away: Whether the context hibernates.
        rest: The latest archive, and what is known of it.
    """

    def __init__(self, context: "Context", keeping: Keeping, *, persistent: bool) -> None:
        """Begin with ``context``, whose slot is empty; ``recall`` tells of a former daemon's archive."""
        self.persistent = persistent
        self.is_away = False
        self.rest = Rest()
        self._context = context
        self._keeping = keeping
        self._log = about(context.id, _log)
        # A fork, or what was made from an archive, has variables before it has run code.
        self._changes = int(context.origin is not None or context.request.archive is not None)
        self._epoch = 0
        self._took_s: float | None = None
        self._refusal = ""
        self._has_failed = self._is_left = False
        self.is_closed = False
        self._stale: list[str] = []  # archives that the record on disk may name until it is written again
        self._clock = RestClock(context, keeping.tasks, due_after_s=self._due_after_s, act=self._act)
        self._archiving = asyncio.Lock()
        context.slot.prepare = self._prepare

    def recall(self, rest: Rest) -> None:
        """Hibernate, with the archive ``rest`` of a former daemon."""
        self.is_away = True
        self.rest = rest
        self._changes = rest.moment.changes

    @property
    def shows(self) -> bool:
        """Whether a context without a worker hibernates, and is not dead: its next worker gets something back."""
        return self.is_away or (self.persistent and self.rest.archive_id is not None)

    @property
    def is_current(self) -> bool:
        """Whether the latest archive has everything that there is."""
        return self._changes == self.rest.moment.changes

    def touch(self) -> None:
        """Variables may have changed, or an execution has ended: begin to wait for rest."""
        self._changes += 1
        self._refusal = ""
        self._has_failed = False
        self.wait()
        if not self.persistent and self.rest.archive_id is not None:
            former, self.rest = self.rest, Rest()
            failure = "context %s: its archive could not be removed"
            supervised(self._keeping.tasks, self._discard(former), _log, failure, self._context.id)

    def wait(self) -> None:
        """Look again when the context may have rested for long enough."""
        self._clock.wait()

    def _due_after_s(self) -> float | None:
        """Return how long the context has to rest until something is to be done; None if nothing is."""
        waits = []
        if self.persistent and not self.is_current and not self._has_failed:
            waits.append(self._keeping.archive_after_s)
        if self._is_sleepy:
            waits.append(self._keeping.hibernate_after_s or 0.0)
        return min(waits) if waits else None

    @property
    def _is_sleepy(self) -> bool:
        return self._keeping.hibernate_after_s is not None and not (self.is_away or self._refusal or self._has_failed)

    async def _act(self) -> None:
        """Archive the context if that is due; then let it hibernate if that is."""
        try:
            if not self.is_current:
                await self.archive()
            async with self._archiving:
                if self._may_leave():
                    began = time.monotonic()
                    await self._context.operate(self._leave_unless_needed)
                    self._tell_of_leaving(began, asked=False)
        except NotSavedWhole as error:
            self._refusal = str(error)
            self._log.info("context %s stays: %s", self._context.id, error)
        except InterpreterError as error:
            self._has_failed = True
            self._log.warning("context %s could not be archived: %s", self._context.id, error)

    def _may_leave(self) -> bool:
        after_s = self._keeping.hibernate_after_s
        has_rested = self._is_sleepy and after_s is not None and self._clock.rested_s >= after_s
        is_idle = self._context.worker_state is State.IDLE and not self._context.has_work
        return has_rested and is_idle and self.is_current

    async def archive(self) -> None:
        """Archive the context if it has changed since the latest archive.

        An execution that comes meanwhile does not wait: a copy of the worker is archived, unless the latest archive
        was quick.

        Raises:
            InterpreterError: The former archive stays the latest one.
        """
        async with self._archiving:
            if not self.is_current:
                await self._archive()

    async def _archive(self) -> None:
        if self._took_s is not None and self._took_s <= QUICK_S:
            await self._context.operate(self._save)
            return
        try:
            moment, copy = await self._context.operate(self._copy, lambda made: made[1].kill())
        except OutOfStep:
            raise
        except OperationFailed as error:  # some isolation cannot be had in a copy; or there is no room for one
            self._log.debug("context %s is archived without a copy: %s", self._context.id, error)
            await self._context.operate(self._save)
            return
        try:
            await self._save(copy, moment)
        finally:
            copy.kill()

    async def _copy(self, worker: Worker) -> tuple[Moment, Worker]:
        return self._now(), await self._keeping.copy(worker)

    async def _save(self, worker: Worker, moment: Moment | None = None) -> None:
        """Archive ``worker``, whose state is that of ``moment``, or the present one."""
        moment = moment or self._now()
        epoch, began = self._epoch, time.monotonic()
        saved = await self._keeping.save(self._context, worker)
        archive_id = saved.archive_id
        assert archive_id is not None
        # Another state is there now, which has nothing to do with this one; or a later archive was quicker.
        is_late = epoch != self._epoch or (self.rest.archive_id and self.rest.moment.changes >= moment.changes)
        if is_late or self.is_closed:
            await self._keeping.discard(archive_id)
            return
        self._took_s = time.monotonic() - began
        count_archive(self._took_s)
        former, self.rest = self.rest, attrs.evolve(saved, moment=moment)
        try:
            await self._record()
        except BaseException:
            # It may have been written all the same: what it names has to be there.
            if self.rest.archive_id == archive_id:
                self.rest = former
            self._stale.append(archive_id)
            raise
        await self._discard(former)

    async def _record(self) -> None:
        if self.persistent and not self.is_closed:
            await self._keeping.write_record(self._context)

    async def _discard(self, former: Rest) -> None:
        """Remove the archives that the record, which has just been written, does not name."""
        stale, self._stale = self._stale, []
        for archive_id in (*stale, former.archive_id):
            if archive_id is not None:
                await self._keeping.discard(archive_id)

    async def discard_all(self) -> None:
        """Remove all archives; there is no record any more."""
        former, self.rest = self.rest, Rest()
        await self._discard(former)

    def _now(self) -> Moment:
        origin = self._context.as_origin()
        return Moment(self._changes, origin.begun, origin.count, origin.count_before)

    async def hibernate(self) -> None:
        """Let the context hibernate, in turn with its executions; return when it does.

        Raises:
            NotSavedWhole: Something would be lost: the context stays.
            InterpreterError
        """
        async with self._archiving:  # one thing at a time: what waits behind this would wake the context again
            if self._context.worker_state is State.EMPTY and not self.shows and self.is_current:
                self.is_away = True  # it has died, or has never had a worker
                self._context.expect_restart()
            if not (self._context.worker_state is State.EMPTY and self.shows):
                began = time.monotonic()
                await self._context.operate(self._leave)
                self._tell_of_leaving(began, asked=True)
                await self._context.slot.gone()

    def _tell_of_leaving(self, began: float, *, asked: bool) -> None:
        if self.is_away:
            seconds = time.monotonic() - began
            tell_hibernation(self._context.id, self._context.account.tenant, asked=asked, seconds=seconds)

    async def _leave(self, worker: Worker) -> None:
        lost = await self._keeping.lost(self._context, worker)
        if not self.is_current:
            await self._save(worker)
        if missing := [*((it.name, it.reason) for it in self.rest.skipped), *lost]:
            raise NotSavedWhole(missing)
        self.is_away = self._is_left = True
        self._context.leave()

    async def _leave_unless_needed(self, worker: Worker) -> None:
        if self.is_current and not self._context.has_work:
            await self._leave(worker)

    async def _prepare(self, worker: Worker) -> None:
        """Give a new worker what the context has had. Raises ``WorkerStartFailed``: the archive is still there."""
        told: list[Event] = [] if self.is_away else [Restarted()]
        missing: tuple[Skipped, ...] = ()
        if (archive_id := self.rest.archive_id) is not None:
            self._epoch, began = self._epoch + 1, time.monotonic()
            try:
                missing = await self._keeping.load(self._context, worker, archive_id)
            except InterpreterError as error:
                raise WorkerStartFailed(str(error)) from error
            whose = self._context.id, self._context.account.tenant
            tell_wake(*whose, missing=len(missing), seconds=time.monotonic() - began)
            # It has no more than the archive now.
            self.rest = attrs.evolve(self.rest, skipped=())
            self._changes = self.rest.moment.changes
        if self.is_away or archive_id is not None:
            is_as_left = self._is_left and self.is_away and not missing
            told.append(Restored(archive_id=archive_id, missing=missing, is_as_left=is_as_left))
        self.is_away = self._is_left = False
        self._context.transcript.of_new_worker = tuple(told)
        self.wait()

    async def forget(self) -> None:
        """Have no archive any more: the context begins anew, without variables."""
        if self.is_away:
            count, _ = self._context.transcript.counts
            self._context.transcript.go_on_from(count, count)
        await self._forgotten(self._reset())

    def _reset(self) -> Rest:
        former, self.rest = self.rest, Rest()
        self.is_away = False
        self._epoch += 1
        self._changes = 0
        return former

    async def _forgotten(self, former: Rest) -> None:
        try:
            await self._record()
        except BaseException:
            self._stale += [former.archive_id] if former.archive_id is not None else []
            raise
        await self._discard(former)

    def worker_ended(self, reason: str) -> None:
        """The worker has ended, for a ``reason`` as in ``tally``.

        One that has ended itself has ended its variables. After a crash, a persistent context gets those of its latest
        archive again; any other one begins anew, as a context that is never archived.
        """
        if (reason == "exit" or not self.persistent) and not self.is_closed:
            failure = "context %s: its archive could not be removed"
            supervised(self._keeping.tasks, self._forgotten(self._reset()), _log, failure, self._context.id)

    def close(self) -> None:
        """The context ends; its archive is the daemon's to remove, or to keep."""
        self.is_closed = True
        self._clock.close()
