"""Two trees in turns: round by round with new daemons, and within a round turn by turn.

A daemon can be some percent faster than an equal one for as long as it lives, because of where its memory lies. So each
round starts two new daemons, in alternating order, and only rounds count as independent. Within a round the order of
turns is A B B A: what the machine does to one daemon it does to the other a moment later. Two turns side by
side make a ratio, and the median of these is the round's.

The shorter a turn, the better. With two cores and a load of 10, the ratio of processor times had a standard deviation
of 1.6 to 3.3 % over 12 rounds of equal trees with 300 turns of 1 execution, and of 2.8 to 6.4 % with 30 turns of 10.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

from attrs import frozen

from benchmarks.bench import Bench
from benchmarks.comparison.spread import Paired
from benchmarks.report import Unit
from benchmarks.servers import BenchmarkError
from benchmarks.stats import no_collection

HERE: Final = "here"
THERE: Final = "there"


@frozen
class Reading:
    """What one turn has found; ``value`` is in ``unit``."""

    what: str
    unit: Unit
    value: float


Turn = Callable[[], Awaitable[list[Reading]]]


@frozen(kw_only=True)
class Stage:
    """How one figure is measured, of whatever tree.

    Attributes:
        open: Starts what is needed, and gives what takes one turn.
        turns: How many turns each side has in a round.
        warm_up: How many turns of each side come first and do not count.
    """

    open: Callable[[Bench], AbstractAsyncContextManager[Turn]]
    turns: int = 300
    warm_up: int = 20


async def compare(name: str, stage: Stage, here: Bench, there: Bench, rounds: int) -> list[Paired]:
    """Measure ``stage`` of both trees; return each thing that it reads, with a value a round."""
    paired: dict[str, Paired] = {}
    for number in range(rounds):
        benches = {HERE: here, THERE: there}
        order = [HERE, THERE] if number % 2 == 0 else [THERE, HERE]
        found = await _round(stage, {side: benches[side] for side in order})
        mine, its = _by_name(found[HERE]), _by_name(found[THERE])
        if mine.keys() != its.keys():
            lacking = ", ".join(sorted(mine.keys() ^ its.keys()))
            raise BenchmarkError(f"only one of the two trees has: {lacking}")
        for what, readings in mine.items():
            pair = paired.setdefault(what, Paired(figure=name, what=what, unit=readings[0].unit))
            pair.add([reading.value for reading in readings], [reading.value for reading in its[what]])
    return list(paired.values())


async def _round(stage: Stage, benches: dict[str, Bench]) -> dict[str, list[list[Reading]]]:
    """Return what each side's turns have found; they come in the order of ``benches``, then in reverse, and so on."""
    found: dict[str, list[list[Reading]]] = {side: [] for side in benches}
    async with AsyncExitStack() as stack:
        turns = {side: await stack.enter_async_context(stage.open(bench)) for side, bench in benches.items()}
        for turn in turns.values():
            for _ in range(stage.warm_up):
                await turn()
        with no_collection():
            for number in range(stage.turns):
                for side in list(benches) if number % 2 == 0 else reversed(list(benches)):
                    found[side].append(await turns[side]())
    return found


def _by_name(turns: list[list[Reading]]) -> dict[str, list[Reading]]:
    """Return the readings of each thing, in the order of the turns."""
    named: dict[str, list[Reading]] = {}
    for turn in turns:
        for reading in turn:
            named.setdefault(reading.what, []).append(reading)
    return named
