"""The end of a daemon, asked for by signals: at once, or after the work that it has accepted."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterable
from typing import Final

LOOK_S: Final = 0.05  # between two looks whether work is left; longer if a look takes long
_log = logging.getLogger(__name__)


class Ending:
    """Whether the daemon is to end, and how soon.

    Attributes:
        asked: Set by the first signal, by ``end``, and by the end of a watched process.
        hurried: Set if it is not to wait for work.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self._signalled = False

    def watch(self, pidfds: Iterable[int]) -> None:
        """Let SIGTERM and SIGINT ask for the end, a second one end the process at once, and dead processes hurry it.

        In the single binary, one of the processes is its loader: a program that started the loader, and kills it, means
        the daemon.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        for pidfd in pidfds:

            def on_end(pidfd: int = pidfd) -> None:
                loop.remove_reader(pidfd)
                self.end(hurried=True)

            loop.add_reader(pidfd, on_end)

    def end(self, *, hurried: bool = False) -> None:
        """Ask for the end."""
        if hurried:
            self.hurried.set()
        self.asked.set()

    def _on_signal(self, number: int) -> None:
        if self._signalled:
            # The guard kills the workers.
            os._exit(128 + number)
        self._signalled = True
        self.end(hurried=self.asked.is_set())  # a daemon that has been replaced drains already


async def drained(is_busy: Callable[[], bool], ending: Ending, within_s: float | None) -> None:
    """Return when no work is left, when the end is ``hurried``, or ``within_s``; None: without a limit."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not ending.hurried.is_set():
                began = loop.time()
                if not is_busy():
                    return
                pause_s = max(LOOK_S, 10 * (loop.time() - began))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await ending.hurried.wait()
        return
    _log.warning("work is left after %g s: it is ended", within_s)
