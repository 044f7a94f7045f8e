"""How late the event loop is: what a client waits for although the daemon has nothing to do for it."""

import asyncio
from typing import Final

from interpreterd.monitoring.histogram import Histogram

EVERY_S: Final = 0.5
UNREAD_S: Final = 600.0


class LoopLag:
    """Measures from the first question on. It stops when nobody has asked for ``UNREAD_S``.

    Attributes:
        histogram: Of the seconds by which the loop was late.
    """

    def __init__(self) -> None:
        self.histogram = Histogram()
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0

    def ask(self) -> Histogram:
        """Return the histogram, and go on measuring."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + UNREAD_S
        if self._timer is None:
            self._wait(loop)
        return self.histogram

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + EVERY_S
        self._timer = loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self.histogram.observe(now - due)
        self._timer = None
        if now < self._until:
            self._wait(loop)
