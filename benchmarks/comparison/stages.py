"""The stages, by the names of the figures, in the order of the table."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from attrs import evolve

from benchmarks.bench import QUICK, Bench
from benchmarks.comparison import contexts, executions
from benchmarks.comparison.rounds import Reading, Stage, Turn
from benchmarks.figures.hostile import hostile
from benchmarks.figures.lag import lag, listing
from benchmarks.figures.leaving import aborted
from benchmarks.report import Row

PROBES: Final = 60


def whole(figure: Callable[[Bench], Awaitable[list[Row]]]) -> Stage:
    """Return the stage whose turn is a whole figure: what it measures is no speed, but what happens meanwhile.

    Always a quick one: there are many rounds.
    """

    @asynccontextmanager
    async def open_(bench: Bench) -> AsyncIterator[Turn]:
        async def turn() -> list[Reading]:
            rows = await figure(evolve(bench, scale=evolve(QUICK, probes=PROBES)))
            return [
                Reading(row.what.removesuffix(" (p99)"), row.unit, row.value)
                for row in rows
                if row.unit is not None and row.value is not None
            ]

        yield turn

    opened: Callable[[Bench], AbstractAsyncContextManager[Turn]] = open_
    return Stage(open=opened, turns=1, warm_up=0)


STAGES: Final[dict[str, Stage]] = {
    "execute": Stage(open=executions.execute),
    "session": Stage(open=executions.session),
    "cpu": Stage(open=executions.cpu),
    "rate": Stage(open=executions.rate, turns=4, warm_up=1),
    "create": Stage(open=contexts.create, turns=8, warm_up=1),
    "sustained": Stage(open=contexts.sustained, turns=2, warm_up=1),
    "preload": Stage(open=contexts.preload, turns=6, warm_up=1),
    "crowd": Stage(open=contexts.crowd, turns=1, warm_up=0),
    "lines": Stage(open=executions.lines, turns=3, warm_up=1),
    "blocks": Stage(open=executions.blocks, turns=3, warm_up=1),
    "switches": Stage(open=executions.switches, turns=6, warm_up=1),
    "first-byte": Stage(open=executions.first_byte),
    "listing": whole(listing),
    "lag": whole(lag),
    "hostile": whole(hostile),
    "aborted": whole(aborted),
}
# Minutes a round, and bounds rather than speeds: measured where they are named.
ONLY_IF_NAMED: Final = ("hostile", "aborted")
