"""SIGHUP: the parts of the daemon that have files read them again, one after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from interpreterd.background import supervised

_log = logging.getLogger(__name__)


class Reloading:
    """Reads files again, by ``reloads``; a request that comes meanwhile has its turn afterwards."""

    def __init__(self, reloads: list[Callable[[], Awaitable[None]]]) -> None:
        self._reloads = reloads
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, then: Callable[[], object] = lambda: None) -> None:
        """Begin to read all files again; call ``then`` when they have been. A mistake in one does not end the rest."""
        task = supervised(asyncio.get_running_loop(), self._reload(then), _log, "the files could not be read")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self, then: Callable[[], object]) -> None:
        async with self._turn:
            for reload in self._reloads:
                try:
                    await reload()
                except Exception:
                    _log.exception("the files could not be read")
            then()
