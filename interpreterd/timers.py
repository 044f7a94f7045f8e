"""Timers by name: the machine's time, which it treats as data."""

import asyncio
from collections.abc import Callable


class Timers:
    """The timers of one context; ``fire`` is called with the name of each that runs out."""

    def __init__(self, fire: Callable[[str], None]) -> None:
        self._fire = fire
        self._running: dict[str, asyncio.TimerHandle] = {}

    @property
    def names(self) -> list[str]:
        """Those that run."""
        return list(self._running)

    def set(self, name: str, after_s: float) -> None:
        """Start a timer; none of that name runs."""
        self._running[name] = asyncio.get_running_loop().call_later(after_s, self._run_out, name)

    def clear(self, name: str) -> None:
        """Stop a timer, if it runs."""
        if (timer := self._running.pop(name, None)) is not None:
            timer.cancel()

    def close(self) -> None:
        """Stop them all."""
        for name in self.names:
            self.clear(name)

    def _run_out(self, name: str) -> None:
        del self._running[name]
        self._fire(name)
