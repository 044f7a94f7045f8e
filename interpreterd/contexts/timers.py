"""Timers by name: the machine treats time as data."""

import asyncio
from collections.abc import Callable

from interpreterd.machine.effects import TimerName


class Timers:
    """The timers of one context. Each is forgotten when it has run out."""

    def __init__(self) -> None:
        self._running: dict[TimerName, asyncio.TimerHandle] = {}

    @property
    def names(self) -> list[TimerName]:
        """The names of running timers."""
        return list(self._running)

    def set(self, name: TimerName, after_s: float, fire: Callable[[TimerName], None]) -> None:
        """Start a timer, which calls ``fire`` with its ``name``; none of that name runs."""
        self._running[name] = asyncio.get_running_loop().call_later(after_s, self._run_out, name, fire)

    def clear(self, name: TimerName) -> None:
        """Stop a timer, if it runs."""
        if (timer := self._running.pop(name, None)) is not None:
            timer.cancel()

    def close(self) -> None:
        """Stop them all."""
        for name in self.names:
            self.clear(name)

    def _run_out(self, name: TimerName, fire: Callable[[TimerName], None]) -> None:
        del self._running[name]
        fire(name)
