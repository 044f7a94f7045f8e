"""Samples of several sides that take turns, and their statistics. Samples are seconds, or rates a second."""

import asyncio
import gc
import statistics
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

from attrs import define, field

WARM_UP = 3
Sample = Callable[[], Awaitable[float]]


def quantile(samples: Sequence[float], q: float) -> float:
    """Return the smallest sample that at least a share ``q`` of all does not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


@define
class Blocks:
    """What one side measured, a list for each of its turns."""

    turns: list[list[float]] = field(factory=list)

    @property
    def samples(self) -> list[float]:
        """All of them."""
        return list(chain.from_iterable(self.turns))

    @property
    def p50(self) -> float:
        """The median of all samples."""
        return statistics.median(self.samples)

    @property
    def p99(self) -> float:
        """The 99th percentile of all samples; with fewer than 100, the largest."""
        return quantile(self.samples, 0.99)

    def ratio_to(self, other: "Blocks") -> float:
        """Return the median, over the turns, of this side's median to the other's in the same turn."""
        pairs = zip(self.turns, other.turns, strict=True)
        return statistics.median(statistics.median(mine) / statistics.median(its) for mine, its in pairs)

    def milliseconds(self) -> dict[str, float]:
        """Return n, and p50, p99 and max in milliseconds."""
        return {
            "n": len(self.samples),
            "p50_ms": round(self.p50 * 1e3, 3),
            "p99_ms": round(self.p99 * 1e3, 3),
            "max_ms": round(max(self.samples) * 1e3, 3),
        }


async def alternate(
    sides: Mapping[str, Sample], *, turns: int, samples: int, pause_s: float = 0, warm_up: int = WARM_UP
) -> dict[str, Blocks]:
    """Let the sides take turns: ``turns`` times, ``samples`` of each; every second time in reverse order.

    Args:
        sides: Each call does the work once and returns the sample.
        turns: How often each side's turn comes.
        samples: How many samples a turn has.
        pause_s: Wait before each sample, for work that the previous one has started; and for a steady pace.
        warm_up: Calls of each side that come first and do not count.
    """
    for sample in sides.values():
        for _ in range(warm_up):
            await asyncio.sleep(pause_s)
            await sample()
    blocks = {name: Blocks() for name in sides}
    for turn in range(turns):
        for name in list(sides) if turn % 2 == 0 else reversed(list(sides)):
            block = []
            with no_collection():
                for _ in range(samples):
                    if pause_s:
                        await asyncio.sleep(pause_s)
                    block.append(await sides[name]())
            blocks[name].turns.append(block)
    return blocks


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep this process's garbage collector out of the measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
