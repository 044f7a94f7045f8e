"""What the contexts of this daemon share of their checkpoints; made with the manager, and light until the first one."""

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from interpreterd.contexts.origin import Origin
from interpreterd.contexts.slot import Slot
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.contexts.transcript import Transcript
from interpreterd.model.accounts import Account

if TYPE_CHECKING:
    from interpreterd.contexts.state.checkpoints import Checkpoints
    from interpreterd.contexts.state.parked import Parked
    from interpreterd.contexts.state.parking import Parking
    from interpreterd.monitoring.states import CheckpointEnd


class Checkpointed(Protocol):
    """A context, as far as its checkpoints need it."""

    id: str
    account: Account
    origin: Origin | None
    checkpoints: "Checkpoints | None"

    @property
    def slot(self) -> Slot: ...

    @property
    def transcript(self) -> Transcript: ...


def half_of_memory() -> int:
    """Return half of the machine's memory, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


class Keeper:
    """Gives contexts their checkpoints.

    Attributes:
        settings: Of what contexts keep.
    """

    def __init__(self, settings: StateSettings | None, tasks: asyncio.TaskGroup) -> None:
        """Measure checkpoints in ``tasks``. None stands for the default settings."""
        self.settings = settings or StateSettings()
        self._tasks = tasks
        self._parking: Parking | None = None
        self._with_copies: dict[Checkpointed, None] = {}

    def checkpoints_of(self, context: Checkpointed) -> "Checkpoints":
        """Return those of ``context``, which has some from now on."""
        if context.checkpoints is None:
            context.checkpoints = self._new(context)
        return context.checkpoints

    def copies(self) -> Mapping[int, tuple[int, ...]]:
        """Return the pids of the parked copies of each worker, by its pid."""
        return {pid: it.slot.copies for it in self._with_copies if (pid := it.slot.pid) is not None}

    def _new(self, context: Checkpointed) -> "Checkpoints":
        from interpreterd.contexts.state.checkpoints import Checkpoints
        from interpreterd.contexts.state.parking import Parking
        from interpreterd.monitoring.states import tell_checkpoint_end

        self._parking = self._parking or Parking(self._tasks, self.settings.checkpoints_memory or half_of_memory())
        slot, tenant = context.slot, context.account.tenant

        def count(pids: tuple[int, ...]) -> None:
            slot.copies = pids
            if pids:
                self._with_copies[context] = None
            else:
                self._with_copies.pop(context, None)

        def end(parked: "Parked", reason: "CheckpointEnd") -> None:
            tell_checkpoint_end(context.id, tenant, checkpoint_id=parked.id, reason=reason)

        checkpoints = Checkpoints(
            self._parking,
            self.settings.checkpoints,
            context.account,
            count=context.transcript.count,
            elsewhere=0 if context.origin is None else context.origin.count,
            pid=lambda: slot.pid,
            on_change=count,
            on_end=end,
        )
        slot.relieve = checkpoints.relieve
        return checkpoints
