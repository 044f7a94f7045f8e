"""The place of an isolated context that hibernates: the real one is made when it is needed."""

import asyncio
from collections.abc import Callable

from interpreterd.model.errors import InterpreterError, WorkerStartFailed
from interpreterd.model.isolation import Isolation, IsolationInfo
from interpreterd.workers.isolation.isolator import Isolator, Unisolated
from interpreterd.workers.isolation.jails import Place
from interpreterd.workers.launcher import Launcher


class LatePlace(Place):
    """The place of a context of a former daemon, until its first worker, or a client's first look at its files.

    It has no directories and no user: ten thousand contexts may hibernate where there are users for a hundred.
    """

    def __init__(
        self,
        launcher: Launcher,
        shown: Isolation,
        *,
        isolation: Callable[[], Isolation],
        isolator: Isolator | Unisolated,
        cwd: str,
        settle: Callable[[Place], None],
    ) -> None:
        """Show that code is to have ``shown``; ``isolation`` says what it can have, or raises ``InvalidRequest``.

        ``settle`` is called with the real place, in ``cwd``. ``launcher`` is never used.
        """
        super().__init__(launcher, info=IsolationInfo(isolation=shown))
        self._isolation = isolation
        self._isolator = isolator
        self._cwd = cwd
        self._settle = settle
        self._place: Place | None = None
        self._is_closed = False
        self._lock = asyncio.Lock()

    async def enter(self) -> None:
        """Make the real place, once. Raises ``WorkerStartFailed``, and may be repeated then."""
        try:
            async with self._lock:
                if self._place is None:
                    isolation = self._isolation()
                    await self._isolator.prepare(isolation)
                    if self._is_closed:
                        raise WorkerStartFailed("the context ends")
                    self._place = self._isolator.isolate(isolation, self._cwd)
                    self._settle(self._place)
            await self._place.enter()
        except WorkerStartFailed:
            raise
        except InterpreterError as error:
            raise WorkerStartFailed(str(error)) from error

    async def close(self) -> None:
        """Make none any more."""
        self._is_closed = True
