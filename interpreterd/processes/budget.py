"""A bound on the work of a second: a burst of it is free, and further work waits."""

import time
from collections.abc import Callable


class Budget:
    """Refills by ``per_s`` a second, up to ``burst``; it may be overdrawn, and then takes longer to refill."""

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._at = clock()

    def spend(self, amount: float) -> None:
        """Take ``amount``, also if there is not so much left."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s) - amount
        self._at = now

    def wait_s(self) -> float:
        """Return the seconds until the budget is no longer overdrawn; 0 if it is not."""
        self.spend(0)
        return max(0.0, -self._left / self._per_s)
