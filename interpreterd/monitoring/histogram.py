"""A histogram that costs a third of a microsecond for each value."""

from bisect import bisect_left
from typing import Final

SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0,
)  # fmt: skip
"""Upper bounds for times, from the cost of an empty execution to the usual timeout."""


class Histogram:
    """Counts values by ranges.

    Attributes:
        bounds: The upper bound of each range, itself included; one more range has no bound.
        counts: How many values were in each range.
        total: The sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count ``value``. One below zero, from a clock that was set back, counts as zero."""
        if value < 0:
            value = 0.0
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulated(self) -> list[tuple[str, int]]:
        """Return, for each bound and for ``+Inf``, how many values were at most that large."""
        so_far, found = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, so_far))
        return found
