"""The clock of one context that rests: it acts when nothing has run in the context for long enough."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from interpreterd.background import supervised
from interpreterd.machine.states import State

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context

LONGEST_WAIT_S: Final = 86_400.0  # settings may be longer than a clock of the loop can be
LOOK_SOON_S: Final = 1.0  # until the next look at a context that something else than an execution keeps busy
_log = logging.getLogger(__name__)


class RestClock:
    """Nothing is polled: while executions run, the clock sleeps for as long as the context would have to rest."""

    def __init__(
        self,
        context: "Context",
        tasks: asyncio.TaskGroup,
        *,
        due_after_s: Callable[[], float | None],
        act: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Call ``act`` in ``tasks`` when ``context`` has rested for ``due_after_s()``; None if nothing is due."""
        self._context = context
        self._tasks = tasks
        self._due_after_s = due_after_s
        self._act = act
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._acting: asyncio.Task[None] | None = None

    @property
    def rested_s(self) -> float:
        """How long nothing has run in the context; followers do not count."""
        return time.monotonic() - self._context.transcript.idle_at

    def wait(self) -> None:
        """Look when something may be due. Repeating it changes nothing."""
        if self._timer is None and not self._is_closed and (due_s := self._due_after_s()) is not None:
            self._set(min(max(0.0, due_s - self.rested_s), LONGEST_WAIT_S))

    def _set(self, wait_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        self._timer = None
        state = self._context.worker_state
        if self._acting is not None or state is not State.IDLE or self._context.has_work:
            # The end of an execution, or of the act, begins the wait again; the end of other work does not.
            if state is State.OPERATING and self._acting is None:
                self._set(LOOK_SOON_S)
            return
        if (due_s := self._due_after_s()) is None:
            return
        if due_s > self.rested_s:
            self.wait()
            return
        failure = "context %s could not be put to rest"
        self._acting = supervised(self._tasks, self._acted(), _log, failure, self._context.id)

    async def _acted(self) -> None:
        try:
            await self._act()
        finally:
            self._acting = None
            self.wait()

    def close(self) -> None:
        """Act no more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._acting is not None:
            self._acting.cancel()
