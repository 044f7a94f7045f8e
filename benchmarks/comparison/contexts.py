"""Stages that compare what contexts cost: to create, and to keep."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.comparison.rounds import Reading, Turn
from benchmarks.figures.create import AT_ONCE, IMPORT, PAUSE_S, created_per_s, creation
from benchmarks.figures.crowd import look
from benchmarks.report import Unit
from benchmarks.servers import BenchmarkError

CROWD = 50


def launchers(bench: Bench) -> Mapping[str, tuple[str, ...]]:
    """Return the flags of each launcher that this daemon has."""
    return {"spawned": ()} | ({} if bench.fork_flags is None else {"forked": bench.fork_flags})


@asynccontextmanager
async def create(bench: Bench) -> AsyncIterator[Turn]:
    """Compare creating a context and running ``pass`` in it, the pool full."""
    async with AsyncExitStack() as stack:
        samples = {}
        for name, flags in launchers(bench).items():
            _, client = await stack.enter_async_context(bench.daemon(*flags))
            samples[name] = creation(client)

        async def turn() -> list[Reading]:
            found = []
            for name, sample in samples.items():
                await asyncio.sleep(PAUSE_S)
                found.append(Reading(f"create a context and run `pass`, {name}", "s", await sample()))
            return found

        yield turn


@asynccontextmanager
async def sustained(bench: Bench) -> AsyncIterator[Turn]:
    """Compare contexts created a second without end."""
    count = bench.scale.starts * 2
    async with AsyncExitStack() as stack:
        clients = {}
        for name, flags in launchers(bench).items():
            _, clients[name] = await stack.enter_async_context(bench.daemon(*flags))

        async def turn() -> list[Reading]:
            found = []
            for name, client in clients.items():
                await asyncio.sleep(PAUSE_S)
                what = f"contexts created a second, {name}, {AT_ONCE} at once"
                found.append(Reading(what, "1/s", await created_per_s(client, count)))
            return found

        yield turn


@asynccontextmanager
async def preload(bench: Bench) -> AsyncIterator[Turn]:
    """Compare creating a context with packages that are imported already."""
    if bench.preload_flags is None:
        raise BenchmarkError("one of the two trees cannot preload")
    async with bench.daemon(*bench.preload_flags, python=bench.packed_python) as (_, client):
        sample = creation(client, IMPORT)

        async def turn() -> list[Reading]:
            await asyncio.sleep(PAUSE_S)
            return [Reading(f"create a context and run `{IMPORT}`, preloaded", "s", await sample())]

        yield turn


@asynccontextmanager
async def crowd(bench: Bench) -> AsyncIterator[Turn]:
    """Compare what each of some contexts adds in memory and descriptors.

    A turn has daemons of its own: what two share of a file in memory counts half for each (PSS).
    """

    async def turn() -> list[Reading]:
        return [reading for name, flags in launchers(bench).items() for reading in await _crowd(bench, name, flags)]

    yield turn


async def _crowd(bench: Bench, name: str, flags: tuple[str, ...]) -> list[Reading]:
    async with bench.daemon(*flags) as (server, client):
        for context in await client.create_many(6, at_once=2, run="pass"):  # what first use costs is no context's
            await client.delete(context)
        await proc.settled(server.pid)
        empty = look(server, 0)
        contexts = await client.create_many(CROWD, at_once=4, run="pass")
        await proc.settled(server.pid)
        now = look(server, len(contexts))
    if len(contexts) < CROWD:
        raise BenchmarkError(f"only {len(contexts)} of {CROWD} contexts could be created")
    added: dict[str, tuple[Unit, float]] = {
        "memory a context adds (PSS)": ("bytes", now.pss - empty.pss),
        "daemon's RSS per idle context": ("bytes", now.daemon_rss - empty.daemon_rss),
        "daemon's descriptors per idle context": ("count", now.daemon_fds - empty.daemon_fds),
    }
    return [Reading(f"{what}, {CROWD} {name}", unit, max(0, all_) / CROWD) for what, (unit, all_) in added.items()]
