"""What it costs to watch: the sampler beside many contexts, and an execution that is counted and written down."""

import asyncio
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.report import NOT_BUILT, Row, ms
from benchmarks.stats import alternate

CONTEXTS: Final = 200
EVERY_S: Final = 10  # the default of --stats-interval-s
QUICKLY_S: Final = 0.5  # so often the sampler looks here: twenty times its cost shows in a short time
SHARE: Final = 0.01
RATIO: Final = 1.05


async def monitoring(bench: Bench) -> list[Row]:
    """Measure the sampler's processor time, and ``pass`` with an audit log and scrapes.

    Sampler: the daemon's processor time in ``seconds`` with 200 idle contexts and looks every half second, less that
    without looks; n = 1. ``pass``: n = turns × samples, alternating.
    """
    if "--stats-interval-s" not in bench.help:
        return [Row(figure="monitoring", what="monitoring", measured=NOT_BUILT, met=False)]
    return [await _sampler(bench), *await _watched(bench)]


async def _sampler(bench: Bench) -> Row:
    spent: dict[float, float] = {}
    looks = max(bench.scale.seconds, 5) / QUICKLY_S
    for every in (0, QUICKLY_S):
        async with bench.daemon("--stats-interval-s", str(every)) as (server, client):
            await client.create_many(CONTEXTS, at_once=4, run="pass")
            await proc.settled(server.pid)
            before = proc.cpu_s(server.pid)
            await asyncio.sleep(looks * QUICKLY_S)
            spent[every] = proc.cpu_s(server.pid) - before
    look_s = max(0.0, spent[QUICKLY_S] - spent[0]) / looks
    return Row(
        figure="monitoring",
        what=f"processor time of the sampler's look at {CONTEXTS} contexts, every {EVERY_S} s",
        target=f"≤ {ms(SHARE * EVERY_S)}: {SHARE:.0%} of a processor",
        measured=f"{ms(look_s)}: {look_s / EVERY_S:.2%}",
        met=look_s <= SHARE * EVERY_S,
        value=look_s,
        unit="s",
        values={"look_s": look_s, "looks": looks},
    )


async def _watched(bench: Bench) -> list[Row]:
    """Measure ``pass``, over a new WebSocket, with an audit log and without one: its time, and the daemon's."""
    scale = bench.scale
    async with (
        bench.daemon("--stats-interval-s", "0") as (plain, client),
        bench.daemon("--audit-log", str(bench.directory / "audit")) as (watched, observed),
    ):
        sides = {"without": (plain, client), "with": (watched, observed)}
        blocks = await alternate(
            {name: it.execute for name, (_, it) in sides.items()}, turns=scale.turns, samples=scale.samples
        )
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(scale.turns):
            for name, (server, one) in sides.items():
                before = proc.cpu_s(server.pid)
                for _ in range(scale.samples):
                    await one.execute()
                spent[name].append((proc.cpu_s(server.pid) - before) / scale.samples)
    cpu = {name: median(values) for name, values in spent.items()}
    return [
        _row(
            "`pass` with an audit log, new WebSocket, p50",
            {name: it.p50 for name, it in blocks.items()},
            {name: it.milliseconds() for name, it in blocks.items()},
        ),
        _row("processor time of `pass` with an audit log, all threads, median of turns", cpu, {"cpu_s": spent}),
    ]


def _row(what: str, sides: Mapping[str, float], values: dict[str, Any]) -> Row:
    ratio = sides["with"] / sides["without"]
    return Row(
        figure="monitoring",
        what=what,
        target=f"≤ {RATIO:g} × without",
        measured=ms(sides["with"]),
        reference=f"without {ms(sides['without'])}",
        ratio=ratio,
        met=ratio <= RATIO,
        value=sides["with"],
        unit="s",
        references={"without": sides["without"]},
        values=values,
    )
