"""Whether anything holds the daemon's event loop: from inside, and as requests at a steady pace see it.

From inside (``inside.py``): the longest that the loop computed without letting a timer have its turn. From outside: a
GET waits for whatever holds the loop, and for the machine. The echo server on the same machine, asked in turns with the
daemon, waits only for the machine.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp

from benchmarks import proc
from benchmarks.bench import Bench, Pair
from benchmarks.client import PREFIX, request
from benchmarks.load import Load
from benchmarks.report import Row, ms
from benchmarks.stats import Blocks, no_collection

STREAMS = 16
PACE_S = 0.01
FLOOD = "while True: print('x' * 99)"
FAMILY = "import subprocess, time\nfor _ in range(5): subprocess.Popen(['sleep', '1000'])\ntime.sleep(1000)"
LEAD_S = 1.5  # until the streams flow
STREAM_LIMIT_S = 300.0  # never reached: streams end with their load process
Scenario = Callable[[Bench, Pair], AbstractAsyncContextManager[None]]


async def probe(pair: Pair, path: str, count: int) -> tuple[Blocks, Blocks]:
    """GET ``path`` from the daemon and ``/health`` from the echo server, in turns, ``count`` of each."""
    daemon: list[float] = []
    echo: list[float] = []
    with no_collection():
        for _ in range(count):
            await asyncio.sleep(PACE_S)
            daemon.append(await pair.client.get(path))
            echo.append(await pair.floor_client.get("/health"))
    return Blocks([daemon]), Blocks([echo])


async def held(pair: Pair) -> dict[str, float]:
    """Return how long things held the loop, in seconds, since this was asked last."""
    async with pair.client.http.get(pair.client.url + "/held") as response:
        answer: dict[str, float] = await response.json()
    return answer


@asynccontextmanager
async def streams(bench: Bench, pair: Pair) -> AsyncIterator[None]:
    """16 contexts print without end, each to a client that reads."""
    contexts = await pair.client.create_many(STREAMS, at_once=2)
    async with streaming(bench, pair, contexts):
        yield


@asynccontextmanager
async def streaming(bench: Bench, pair: Pair, contexts: list[str]) -> AsyncIterator[None]:
    """Have ``contexts`` print without end, each to a client in a process of its own."""
    messages = [request(FLOOD, context) for context in contexts]
    url = pair.client.url + PREFIX + "/execute"
    job = {"job": "streams", "url": url, "messages": messages, "seconds": STREAM_LIMIT_S}
    async with Load() as load, background(load.run(**job)):
        await asyncio.sleep(LEAD_S)
        yield


@asynccontextmanager
async def slow_clients(bench: Bench, pair: Pair) -> AsyncIterator[None]:
    """8 contexts print without end to clients that do not read."""
    contexts = await pair.client.create_many(STREAMS // 2, at_once=2)
    async with aiohttp.ClientSession() as http:  # its end closes the connections without a word
        for context in contexts:
            socket = await http.ws_connect(pair.client.url + PREFIX + "/execute")
            await socket.send_str(request(FLOOD, context))
        await asyncio.sleep(LEAD_S)
        yield


@asynccontextmanager
async def starts(bench: Bench, pair: Pair) -> AsyncIterator[None]:
    """Contexts are created and deleted without pause."""

    async def churn() -> None:
        while True:
            await pair.client.delete(await pair.client.create())

    async with background(churn()):
        yield


@asynccontextmanager
async def stops(bench: Bench, pair: Pair) -> AsyncIterator[None]:
    """Busy contexts with 5 children are deleted, one after the other, again and again."""

    async def churn() -> None:
        while True:
            context = await pair.client.create()
            async with pair.client.http.ws_connect(pair.client.url + PREFIX + "/execute") as socket:
                await socket.send_str(request(FAMILY, context))
                await asyncio.sleep(0.05)  # the children start
                await pair.client.delete(context)
                while (await socket.receive()).data is not None:
                    pass

    async with background(churn()):
        yield


@asynccontextmanager
async def background(work: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Do ``work`` during the block; it must not end earlier."""
    task = asyncio.create_task(work)
    try:
        await asyncio.sleep(LEAD_S / 3)
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])


SCENARIOS: dict[str, tuple[Scenario, float]] = {
    "16 clients stream": (streams, 0.005),
    "8 clients do not read": (slow_clients, 0.005),
    "contexts are stopped, with 5 children each": (stops, 0.005),
    "contexts start without pause": (starts, 0.010),
}


async def lag(bench: Bench) -> list[Row]:
    """Measure the loop, and ``GET /health`` with a pause of 10 ms before each; n = probes of either server."""
    rows = []
    for name, (scenario, limit_s) in SCENARIOS.items():
        async with bench.pair(probed=True) as pair, scenario(bench, pair):
            await held(pair)
            daemon, echo = await probe(pair, "/health", bench.scale.probes)
            loop = await held(pair)
        seen = f"`GET /health` p99 {ms(daemon.p99)}, echo's {ms(echo.p99)}"
        rows.append(
            Row(
                figure="lag",
                what=f"longest that the event loop was held while {name} (p99)",
                target=f"≤ {ms(limit_s)}",
                measured=f"{ms(loop['max'])} ({ms(loop['p99'])})",
                reference=seen,
                met=loop["max"] <= limit_s,
                value=loop["max"],
                unit="s",
                references={"`GET /health`": daemon.p99, "echo": echo.p99},
                values={"held": loop, "daemon": daemon.milliseconds(), "echo": echo.milliseconds()},
            )
        )
    return rows


async def listing(bench: Bench) -> list[Row]:
    """Measure ``GET /contexts`` with many contexts while 16 of them stream; n = probes.

    The contexts are forked if the daemon can, otherwise spawned.
    """
    many = bench.scale.listed
    flags = ("--max-contexts", str(many + 16), *(bench.fork_flags or ()))
    async with bench.pair(*flags) as pair:
        contexts = await pair.client.create_many(many, at_once=4)
        await proc.settled(pair.daemon.pid)
        async with pair.client.http.get(pair.client.url + PREFIX + "/contexts") as response:
            count = len(json.loads(await response.read())["contexts"])
        quiet, _ = await probe(pair, PREFIX + "/contexts", bench.scale.probes // 3)
        async with streaming(bench, pair, contexts[:STREAMS]):
            listed, echo = await probe(pair, PREFIX + "/contexts", bench.scale.probes)
    return [
        Row(
            figure="listing",
            what=f"`GET /contexts` with {count} contexts while {STREAMS} clients stream, p99",
            target="≤ 25 ms",
            measured=ms(listed.p99),
            reference=f"while nothing runs {ms(quiet.p99)}; echo's `GET /health` meanwhile {ms(echo.p99)}",
            met=listed.p99 <= 0.025,
            value=listed.p99,
            unit="s",
            references={"while nothing runs": quiet.p99, "echo": echo.p99},
            values={"streaming": listed.milliseconds(), "quiet": quiet.milliseconds(), "echo": echo.milliseconds()},
        )
    ]
