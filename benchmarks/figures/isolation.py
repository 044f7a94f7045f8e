"""What isolation costs: a context's start, its executions, its memory, against contexts without isolation."""

from contextlib import AsyncExitStack
from functools import partial

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.figures.create import PAUSE_S, creation
from benchmarks.report import NOT_BUILT, Row, mb, ms
from benchmarks.stats import Blocks, Sample, alternate

OFF = "off"
PROFILES = ("standard", "strict")
MORE_S = {"spawned": 0.015, "forked": 0.005}
MORE_BYTES = 0.2e6
RATIO = 1.02
LINES = 20_000
AT_ONCE = 4
OUTPUT = f"for _ in range({LINES}): print('x' * 100)"


async def isolation(bench: Bench) -> list[Row]:
    """Measure contexts of each profile, spawned and forked, against the same daemon's contexts without isolation.

    Creating one and ``pass`` in it: n = starts of each. ``pass``: n = turns × samples. Output: n = turns.
    Memory is PSS, as in ``crowd``.
    """
    if "--isolation" not in bench.help:
        return [Row(figure="isolation", what="isolation", measured=NOT_BUILT, met=False)]
    rows: list[Row] = []
    for name, flags in (("spawned", ()), ("forked", bench.fork_flags)):
        if flags is None:
            continue
        async with AsyncExitStack() as stack:
            clients: dict[str, Client] = {}
            for profile in (OFF, *PROFILES):
                _, clients[profile] = await stack.enter_async_context(bench.daemon("--isolation", profile, *flags))
            creations: dict[str, Sample] = {profile: creation(client) for profile, client in clients.items()}
            created = await alternate(creations, turns=bench.scale.starts, samples=1, pause_s=PAUSE_S)
            rows += [_created(name, profile, created) for profile in PROFILES]
            if name == "spawned":
                rows += await _executed(bench, clients)
    for name, flags in (("spawned", ()), ("forked", bench.fork_flags)):
        if flags is not None:
            rows += await _remembered(bench, name, flags)
    return rows


def _created(name: str, profile: str, blocks: dict[str, Blocks]) -> Row:
    more = blocks[profile].p50 - blocks[OFF].p50
    return Row(
        figure="isolation",
        what=f"create a context and run `pass`, {name}, {profile}, p50",
        target=f"≤ {1e3 * MORE_S[name]:g} ms more than without",
        measured=ms(blocks[profile].p50),
        reference=f"without isolation {ms(blocks[OFF].p50)}",
        ratio=blocks[profile].ratio_to(blocks[OFF]),
        met=more <= MORE_S[name],
        value=blocks[profile].p50,
        unit="s",
        references={"without isolation": blocks[OFF].p50},
        values={side: blocks[side].milliseconds() for side in (profile, OFF)},
    )


async def _executed(bench: Bench, clients: dict[str, Client]) -> list[Row]:
    """Measure executions in contexts that run: of ``pass``, and of a flood of output."""

    async def output(client: Client) -> float:
        pieces, took = await client.output(OUTPUT, "default")
        assert sum(map(len, pieces)) == 101 * LINES
        return took

    scale = bench.scale
    runs = {profile: client.execute for profile, client in clients.items()}
    floods = {profile: partial(output, client) for profile, client in clients.items()}
    rows = []
    for what, blocks in (
        ("`pass`, new WebSocket", await alternate(dict(runs), turns=scale.turns, samples=scale.samples)),
        (f"{LINES:,} lines of 100 characters", await alternate(dict(floods), turns=scale.turns, samples=1)),
    ):
        for profile in PROFILES:
            ratio = blocks[profile].ratio_to(blocks[OFF])
            rows.append(
                Row(
                    figure="isolation",
                    what=f"{what}, {profile}, p50",
                    target=f"≤ {RATIO:g} × without",
                    measured=ms(blocks[profile].p50),
                    reference=f"without isolation {ms(blocks[OFF].p50)}",
                    ratio=ratio,
                    met=ratio <= RATIO,
                    value=blocks[profile].p50,
                    unit="s",
                    references={"without isolation": blocks[OFF].p50},
                    values={side: blocks[side].milliseconds() for side in (profile, OFF)},
                )
            )
    return rows


async def _remembered(bench: Bench, name: str, flags: tuple[str, ...]) -> list[Row]:
    """Measure the memory of crowds of contexts, in each of which ``pass`` has run."""
    size = bench.scale.crowds[-1]
    each: dict[str, float] = {}
    held: dict[str, int] = {}
    for profile in (OFF, *PROFILES):
        own = ("--isolation", profile, "--max-contexts", str(size + 16), *flags)
        async with bench.daemon(*own) as (server, client):
            for context in await client.create_many(6, at_once=2, run="pass"):
                await client.delete(context)
            await proc.settled(server.pid)
            before = proc.pss([server.pid, *proc.below(server.pid)])
            held[profile] = len(await client.create_many(size, at_once=AT_ONCE, run="pass"))
            await proc.settled(server.pid)
            after = proc.pss([server.pid, *proc.below(server.pid)])
            each[profile] = (after - before) / max(held[profile], 1)
    return [
        Row(
            figure="isolation",
            what=f"memory a context adds (PSS), {held[profile]} {name}, {profile}",
            target=f"≤ {mb(MORE_BYTES)} more than without",
            measured=mb(each[profile]),
            reference=f"without isolation {mb(each[OFF])}",
            ratio=each[profile] / each[OFF],
            met=each[profile] - each[OFF] <= MORE_BYTES and held[profile] == size,
            value=each[profile],
            unit="bytes",
            references={"without isolation": each[OFF]},
            values={"contexts": held[profile]},
        )
        for profile in PROFILES
    ]
