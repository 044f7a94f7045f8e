"""Contexts that hibernate: ten thousand on one daemon, of which a few hundred have a worker."""

import asyncio
import random
from typing import Final

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.figures.crowd import State, look
from benchmarks.report import NOT_BUILT, Row, mb, ms
from benchmarks.stats import Blocks

AT_ONCE: Final = 4
WOKEN: Final = 200  # one after the other
STORM: Final = 64  # at once
LISTED: Final = 5
FILL: Final = "import math\ndata = {i: str(i) for i in range(100)}\ndef double(x): return 2 * x"
CHECK: Final = "assert double(data[7]) == '77' and math.pi > 3"
LIMIT_BYTES: Final = 60e3  # of the daemon, as for a context with a worker


async def density(bench: Bench) -> list[Row]:
    """Measure contexts that were archived to end their workers, among some that have theirs.

    A few variables, a function and an import are in each. Memory is the PSS of the daemon and of all below it, beyond
    that of the same daemon with its pool. The contexts that wake are chosen at random, n = ``WOKEN``, and the floor is
    the same execution in the same contexts once more.
    """
    if not bench.has_state or bench.fork_flags is None:
        return [Row(figure="density", what="contexts that hibernate", measured=NOT_BUILT, met=False)]
    contexts, awake = bench.scale.dormant, bench.scale.awake
    flags = (*bench.fork_flags, "--state-dir", str(bench.directory / "density"), "--max-contexts", str(contexts + 16))
    async with bench.daemon(*flags) as (server, client):
        for context in await _asleep(client, 6):  # the cost of first use belongs to no context
            await client.delete(context)
        await proc.settled(server.pid)
        empty = look(server, 0)
        asleep = await _asleep(client, contexts - awake)
        await proc.settled(server.pid)
        resting = look(server, len(asleep))
        await client.create_many(awake, at_once=AT_ONCE, run=FILL)
        await proc.settled(server.pid)
        rows = [_memory_row(empty, resting), _crowd_row(empty, look(server, contexts), awake)]
        rows.append(await _list_row(client, contexts))
        chosen = random.Random(3).sample(asleep, min(len(asleep), WOKEN + STORM))
        rows.append(await _wake_row(client, chosen[STORM:]))
        rows.append(await _storm_row(client, chosen[:STORM]))
    return rows


async def _asleep(client: Client, count: int) -> list[str]:
    """Return ``count`` new contexts that hibernate."""
    made: list[str] = []
    left = iter(range(count))

    async def make() -> None:
        for _ in left:
            context = await client.create()
            await client.execute(FILL, context)
            await client.ask("POST", f"/context/{context}/hibernate")
            made.append(context)

    await asyncio.gather(*(make() for _ in range(AT_ONCE)))
    return made


def _memory_row(empty: State, resting: State) -> Row:
    each = (resting.daemon_rss - empty.daemon_rss) / resting.contexts
    fds = (resting.daemon_fds - empty.daemon_fds) / resting.contexts
    return Row(
        figure="density",
        what=f"daemon's RSS and descriptors per context, {resting.contexts} hibernating",
        target=f"≤ {LIMIT_BYTES / 1e3:.0f} KB",
        measured=f"{each / 1e3:.1f} KB, {fds:.2f} descriptors",
        met=each <= LIMIT_BYTES,
        value=each,
        unit="bytes",
        values={"daemon_rss_bytes": resting.daemon_rss, "daemon_rss_bytes_empty": empty.daemon_rss},
    )


def _crowd_row(empty: State, now: State, awake: int) -> Row:
    return Row(
        figure="density",
        what=f"memory of {now.contexts} contexts, {awake} with a worker (PSS)",
        measured=f"{mb(now.pss - empty.pss)}, {now.processes} processes",
        reference=f"daemon and pool without contexts {mb(empty.pss)}",
        value=now.pss - empty.pss,
        unit="bytes",
        values={"processes": now.processes, "pss_bytes": now.pss, "pss_bytes_empty": empty.pss},
    )


async def _list_row(client: Client, contexts: int) -> Row:
    took = Blocks([[await client.get("/process/interpreter/contexts") for _ in range(LISTED)]])
    return Row(
        figure="density",
        what=f"`GET /contexts` with {contexts} contexts, p50 of {LISTED}",
        measured=ms(took.p50),
        value=took.p50,
        unit="s",
        values=took.milliseconds(),
    )


async def _wake_row(client: Client, asleep: list[str]) -> Row:
    woken = Blocks([[await client.execute(CHECK, context) for context in asleep]])
    again = Blocks([[await client.execute(CHECK, context) for context in asleep]])
    return Row(
        figure="density",
        what="an execution that wakes a context, connect to close, p50 and p99",
        measured=f"{ms(woken.p50)}, {ms(woken.p99)}",
        reference=f"the same once more {ms(again.p50)}",
        ratio=woken.p50 / again.p50,
        value=woken.p50,
        unit="s",
        references={"once more": again.p50},
        values=woken.milliseconds(),
    )


async def _storm_row(client: Client, asleep: list[str]) -> Row:
    storm = Blocks([list(await asyncio.gather(*(client.execute(CHECK, context) for context in asleep)))])
    return Row(
        figure="density",
        what=f"the same, {len(asleep)} at once: p50 and the last one",
        measured=f"{ms(storm.p50)}, {ms(max(storm.samples))}",
        value=storm.p50,
        unit="s",
        values=storm.milliseconds(),
    )
