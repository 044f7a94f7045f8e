"""Stages that compare what executions cost: time, processor time, rates, output."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.bench import Bench
from benchmarks.client import COMPLETED, PREFIX, request
from benchmarks.comparison.rounds import Reading, Turn
from benchmarks.figures import output
from benchmarks.figures.processor import NEW, OPEN, spent, worker_of
from benchmarks.figures.rate import CLIENTS
from benchmarks.load import Load


@asynccontextmanager
async def execute(bench: Bench) -> AsyncIterator[Turn]:
    """Compare ``pass`` on new WebSockets."""
    async with bench.daemon() as (_, client):

        async def turn() -> list[Reading]:
            return [Reading("`pass`, new WebSocket, connect to close frame", "s", await client.execute())]

        yield turn


@asynccontextmanager
async def session(bench: Bench) -> AsyncIterator[Turn]:
    """Compare ``pass`` on a connection that stays open."""
    async with bench.daemon() as (_, client), client.session() as run:

        async def turn() -> list[Reading]:
            return [Reading("`pass` on an open connection", "s", await run())]

        yield turn


@asynccontextmanager
async def first_byte(bench: Bench) -> AsyncIterator[Turn]:
    """Compare the time until the first byte of output."""
    async with bench.daemon() as (_, client):

        async def turn() -> list[Reading]:
            seconds = await client.first("print('x')", "stdout")
            return [Reading("first byte of `print('x')`, from connect", "s", seconds)]

        yield turn


@asynccontextmanager
async def cpu(bench: Bench) -> AsyncIterator[Turn]:
    """Compare the processor time of daemon and worker."""
    async with bench.daemon() as (server, client), client.session() as run:
        pids = {"daemon": server.pid, "worker": await worker_of(client)}

        async def turn() -> list[Reading]:
            found = []
            for how, job in ((OPEN, run), (NEW, client.execute)):
                each = await spent(pids, job, 1)
                found += [
                    Reading(f"processor time of the {side} for `pass` on {how}", "s", each[side]) for side in pids
                ]
            return found

        yield turn


@asynccontextmanager
async def rate(bench: Bench) -> AsyncIterator[Turn]:
    """Compare executions a second, all contexts busy."""
    async with bench.daemon() as (server, client), Load() as load:
        contexts = await client.create_many(CLIENTS, at_once=2, run="pass")
        job = {
            "job": "cycles",
            "port": server.port,
            "path": PREFIX + "/execute",
            "messages": [request("pass", context) for context in contexts],
            "last": COMPLETED,
            "seconds": bench.scale.seconds / 4,
        }

        async def turn() -> list[Reading]:
            answer = await load.run(**job)
            what = f"executions a second, {CLIENTS} contexts × {CLIENTS} clients"
            return [Reading(what, "1/s", answer["count"] / answer["seconds"])]

        yield turn


@asynccontextmanager
async def lines(bench: Bench) -> AsyncIterator[Turn]:
    """Compare how fast lines arrive."""
    expected = output.expected_lines()
    async with bench.daemon() as (_, client):
        context = await client.create()
        await client.execute(output.MAKE_LINES, context)

        async def turn() -> list[Reading]:
            rate = await output.bytes_per_s(client, context, output.PRINT_LINES, expected)
            return [Reading(f"{output.LINES:,} lines of {output.LINE_BYTES} bytes, all there", "bytes/s", rate)]

        yield turn


@asynccontextmanager
async def blocks(bench: Bench) -> AsyncIterator[Turn]:
    """Compare how fast large writes arrive."""
    size = output.WRITES * output.WRITE_BYTES
    expected = "x" * size
    writes = {"sys.stdout.write": output.WRITE_BLOCKS, "os.write(1, …)": output.WRITE_RAW}
    async with bench.daemon() as (_, client):
        context = await client.create()
        await client.execute(output.MAKE_BLOCK, context)

        async def turn() -> list[Reading]:
            return [
                Reading(
                    f"{size / 1e6:.0f} MB in 64 KiB writes by `{how}`, all there",
                    "bytes/s",
                    await output.bytes_per_s(client, context, code, expected),
                )
                for how, code in writes.items()
            ]

        yield turn


@asynccontextmanager
async def switches(bench: Bench) -> AsyncIterator[Turn]:
    """Compare what a line costs a program that changes between stdout and stderr after each."""
    async with AsyncExitStack() as stack:
        _, client = await stack.enter_async_context(bench.daemon())
        context = await client.create()

        async def turn() -> list[Reading]:
            seconds = await output.seconds(client, context, output.ALTERNATE)
            return [Reading("a line, on stdout and stderr in turn", "s", seconds / output.SWITCHES)]

        yield turn
