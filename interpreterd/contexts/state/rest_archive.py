"""The latest archive of one context at rest, how it is replaced, and the record that names it.

A new archive is on disk before a record names it, and a former one stays until the record on disk does not name it any
more. So the record names an archive that is there, whenever the power fails.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

import attrs

from interpreterd.contexts.state.keeping import Keeping, Moment, Rest
from interpreterd.logs.handler import about
from interpreterd.model.state_errors import OperationFailed, OutOfStep
from interpreterd.monitoring.states import count_archive
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context

QUICK_S: Final = 0.1  # so long an execution may wait for an archive
_log = logging.getLogger(__name__)


class RestArchive:
    """Owned by ``Hibernation``.

    Attributes:
        persistent: Whether the context has a record.
        rest: The latest archive, and what is known of it.
        turn: Held by what archives the context, or lets it hibernate: one after the other.
        is_closed: Whether the context has ended.
    """

    def __init__(self, context: "Context", keeping: Keeping, *, persistent: bool) -> None:
        """Begin without an archive."""
        self.persistent = persistent
        self.rest = Rest()
        self.turn = asyncio.Lock()
        self.is_closed = False
        self._context = context
        self._keeping = keeping
        self._log = about(context.id, _log)
        # A fork, or what was made from an archive, has variables before it has run code.
        self._changes = int(context.origin is not None or context.request.archive is not None)
        self._epoch = 0
        self._took_s: float | None = None
        self._stale: list[str] = []  # archives that the record on disk may name until it is written again

    @property
    def is_current(self) -> bool:
        """Whether the latest archive has everything that there is."""
        return self._changes == self.rest.moment.changes

    def change(self) -> None:
        """Variables may have changed."""
        self._changes += 1

    def go_back(self) -> None:
        """The context is now what the latest archive has, and no more; one that is being written is of no use."""
        self._epoch += 1
        self._changes = self.rest.moment.changes
        self.rest = attrs.evolve(self.rest, skipped=())

    def begin_anew(self) -> Rest:
        """The context has no variables now; return what ``replaced`` is to be told."""
        former, self.rest = self.rest, Rest()
        self._epoch += 1
        self._changes = 0
        return former

    def recall(self, rest: Rest) -> None:
        """The latest archive is ``rest``, and the context is as it was."""
        self.rest = rest
        self._changes = rest.moment.changes

    async def write(self) -> None:
        """Archive the context if it has changed since the latest archive; the caller has ``turn``.

        An execution that comes meanwhile does not wait: a copy of the worker is archived, unless the latest archive
        was quick.

        Raises:
            InterpreterError: The former archive stays the latest one.
        """
        if self.is_current:
            return
        if self._took_s is not None and self._took_s <= QUICK_S:
            await self._context.operate(self.save)
            return
        try:
            moment, copy = await self._context.operate(self._copy, lambda made: made[1].kill())
        except OutOfStep:
            raise
        except OperationFailed as error:  # some isolation cannot be had in a copy; or there is no room for one
            self._log.debug("context %s is archived without a copy: %s", self._context.id, error)
            await self._context.operate(self.save)
            return
        try:
            await self.save(copy, moment)
        finally:
            copy.kill()

    async def _copy(self, worker: Worker) -> tuple[Moment, Worker]:
        return self._now(), await self._keeping.copy(worker)

    async def save(self, worker: Worker, moment: Moment | None = None) -> None:
        """Archive ``worker``, which runs nothing, and whose state is that of ``moment``, or the present one.

        Raises as ``write``.
        """
        moment = moment or self._now()
        epoch, began = self._epoch, time.monotonic()
        saved = await self._keeping.save(self._context, worker)
        assert saved.archive_id is not None
        # Another state is there now, which has nothing to do with this one; or a later archive was quicker.
        is_late = epoch != self._epoch or (self.rest.archive_id and self.rest.moment.changes >= moment.changes)
        if is_late or self.is_closed:
            await self._keeping.discard(saved.archive_id)
            return
        self._took_s = time.monotonic() - began
        count_archive(self._took_s)
        former, self.rest = self.rest, attrs.evolve(saved, moment=moment)
        try:
            await self._record()
        except BaseException:
            # It may have been written all the same: what it names has to be there.
            if self.rest.archive_id == saved.archive_id:
                self.rest = former
            self._stale.append(saved.archive_id)
            raise
        await self._discard(former)

    async def replaced(self, former: Rest) -> None:
        """Write that ``former`` is not the context's any more, then remove it. Raises ``InterpreterError``."""
        try:
            await self._record()
        except BaseException:
            self._stale += [former.archive_id] if former.archive_id is not None else []
            raise
        await self._discard(former)

    async def discard_all(self) -> None:
        """Remove all archives; there is no record any more."""
        former, self.rest = self.rest, Rest()
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

    def _now(self) -> Moment:
        origin = self._context.as_origin()
        return Moment(self._changes, origin.begun, origin.count, origin.count_before)
