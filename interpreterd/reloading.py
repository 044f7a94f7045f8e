"""SIGHUP: the parts of the daemon that have files read them again, one after the other."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from interpreterd.background import supervised

_log = logging.getLogger(__name__)


def reload_at_hangup(reloads: list[Callable[[], Awaitable[None]]]) -> None:
    """Call each of ``reloads`` at every SIGHUP, from now on; a signal that comes meanwhile has its turn afterwards."""
    loop = asyncio.get_running_loop()
    turn = asyncio.Lock()
    tasks: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        async with turn:
            for each in reloads:
                await each()

    def begin() -> None:
        task = supervised(loop, reload(), _log, "the files could not be read")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)
