"""What becomes of one context when it rests: it is archived, and perhaps without a worker until its next use.

A *persistent* context is archived when it has rested for a while, so that it outlives the daemon. A context that
*hibernates* has no worker: it was archived whole, and its next worker gets everything back before it runs code.
"""

import logging
import time
from typing import TYPE_CHECKING

from interpreterd.background import supervised
from interpreterd.contexts.state.keeping import Keeping, Rest
from interpreterd.contexts.state.rest_archive import RestArchive
from interpreterd.contexts.state.rest_clock import RestClock
from interpreterd.logs.handler import about
from interpreterd.machine.states import State
from interpreterd.model.archives import Skipped
from interpreterd.model.errors import InterpreterError, WorkerStartFailed
from interpreterd.model.events import Event, Restarted
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import NotSavedWhole
from interpreterd.monitoring.states import tell_hibernation, tell_wake
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context

_log = logging.getLogger(__name__)


class Hibernation:
    """The rest of one context. Owned by the context.

    Attributes:
        persistent: Whether the context outlives the daemon.
        is_away: Whether the context hibernates.
        archived: Its latest archive.
    """

    def __init__(self, context: "Context", keeping: Keeping, *, persistent: bool) -> None:
        """Begin with ``context``, whose slot is empty; ``recall`` tells of a former daemon's archive."""
        self.persistent = persistent
        self.is_away = False
        self.archived = RestArchive(context, keeping, persistent=persistent)
        self._context = context
        self._keeping = keeping
        self._log = about(context.id, _log)
        self._refusal = ""
        self._has_failed = self._is_left = False
        self._clock = RestClock(context, keeping.tasks, due_after_s=self._due_after_s, act=self._act)
        context.slot.prepare = self._prepare

    @property
    def rest(self) -> Rest:
        """The latest archive, and what is known of it."""
        return self.archived.rest

    @property
    def is_current(self) -> bool:
        """Whether the latest archive has everything that there is."""
        return self.archived.is_current

    @property
    def shows(self) -> bool:
        """Whether a context without a worker hibernates, and is not dead: its next worker gets something back."""
        return self.is_away or (self.persistent and self.rest.archive_id is not None)

    def recall(self, rest: Rest) -> None:
        """Hibernate, with the archive ``rest`` of a former daemon."""
        self.is_away = True
        self.archived.recall(rest)

    def touch(self) -> None:
        """Variables may have changed, or an execution has ended: begin to wait for rest."""
        self._refusal = ""
        self._has_failed = False
        if not self.persistent and self.rest.archive_id is not None:
            self._in_background(self.archived.begin_anew())
        self.archived.change()
        self.wait()

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
            async with self.archived.turn:
                if self._may_leave() and not self.persistent:
                    await self._context.operate(self._check_losses)  # otherwise its archive would be of no use
                await self.archived.write()
                if self._may_leave() and self.is_current:
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
        return has_rested and self._context.worker_state is State.IDLE and not self._context.has_work

    async def archive(self) -> None:
        """Archive the context if it has changed since the latest archive. Raises as ``RestArchive.write``."""
        async with self.archived.turn:
            await self.archived.write()

    async def hibernate(self) -> None:
        """Let the context hibernate, in turn with its executions; return when it does.

        Raises:
            NotSavedWhole: Something would be lost: the context stays.
            InterpreterError
        """
        async with self.archived.turn:  # what waits behind this would wake the context again
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

    async def _check_losses(self, worker: Worker) -> None:
        if lost := await self._keeping.lost(self._context, worker):
            raise NotSavedWhole(lost)

    async def _leave(self, worker: Worker) -> None:
        lost = await self._keeping.lost(self._context, worker)
        if not self.is_current:
            await self.archived.save(worker)
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
            began = time.monotonic()
            try:
                missing = await self._keeping.load(self._context, worker, archive_id)
            except InterpreterError as error:
                raise WorkerStartFailed(str(error)) from error
            whose = self._context.id, self._context.account.tenant
            tell_wake(*whose, missing=len(missing), seconds=time.monotonic() - began)
            self.archived.go_back()
        if self.is_away or archive_id is not None:
            is_as_left = self._is_left and self.is_away and not missing
            told.append(Restored(archive_id=archive_id, missing=missing, is_as_left=is_as_left))
        self.is_away = self._is_left = False
        self._context.transcript.of_new_worker = tuple(told)
        self.wait()

    async def forget(self) -> None:
        """Have no archive any more: the context begins anew, without variables.

        Raises ``InterpreterError``: It is as it was.
        """
        was_away, was_current = self.is_away, self.is_current
        former = self.archived.begin_anew()
        self.is_away = False
        try:
            await self.archived.replaced(former)
        except BaseException:
            self.archived.recall(former)
            self.is_away = was_away
            if not was_current:
                self.archived.change()
            raise
        if was_away:
            count, _ = self._context.transcript.counts
            self._context.transcript.go_on_from(count, count)

    def worker_ended(self, reason: str) -> None:
        """The worker has ended, for a ``reason`` as in ``tally``.

        One that has ended itself has ended its variables. After a crash, a persistent context gets those of its latest
        archive again; any other one begins anew, as a context that is never archived.
        """
        if (reason == "exit" or not self.persistent) and not self.archived.is_closed:
            self._in_background(self.archived.begin_anew())

    def _in_background(self, former: Rest) -> None:
        failure = "context %s: its archive could not be removed"
        supervised(self._keeping.tasks, self.archived.replaced(former), _log, failure, self._context.id)

    def close(self) -> None:
        """The context ends; its archive is the daemon's to remove, or to keep."""
        self.archived.is_closed = True
        self._clock.close()
