"""What one execution costs: over a new WebSocket, over one that stays open, up to its first byte of output."""

import json
import time
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from benchmarks.bench import Bench
from benchmarks.client import PREFIX, request
from benchmarks.report import NOT_BUILT, Row, ms
from benchmarks.servers import BenchmarkError
from benchmarks.stats import Sample, alternate

NOT_FOUND = 404


async def execute(bench: Bench) -> list[Row]:
    """Measure ``pass`` over a new WebSocket, connect to close frame, against the echo server's; peer: a Jupyter kernel.

    n = turns × samples of each. The kernel's sockets stay open, so it saves itself the connect.
    """
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(bench.pair())
        sides: dict[str, Sample] = {"daemon": pair.client.execute, "echo": pair.floor_client.echo}
        try:
            from benchmarks.kernel import kernel
        except ImportError:
            peer = None
        else:
            peer = await stack.enter_async_context(kernel(bench.directory))
            sides["kernel"] = peer.execute
        sides_blocks = await alternate(sides, turns=bench.scale.turns, samples=bench.scale.samples)
    daemon, echo = sides_blocks["daemon"], sides_blocks["echo"]
    ratio, spread = daemon.ratio_to(echo), daemon.p99 / daemon.p50
    values = {name: blocks.milliseconds() for name, blocks in sides_blocks.items()}
    rows = [
        Row(
            figure="execute",
            what="`pass`, new WebSocket, connect to close frame, p50",
            target="≤ 1.5 × the echo server's cycle",
            measured=ms(daemon.p50),
            reference=f"echo {ms(echo.p50)}",
            ratio=ratio,
            met=ratio <= 1.5,
            values=values,
        ),
        Row(
            figure="execute",
            what="the same, p99",
            target="≤ 4 × its own p50",
            measured=ms(daemon.p99),
            reference=f"p50 {ms(daemon.p50)}; echo's p99 {ms(echo.p99)}",
            ratio=spread,
            met=spread <= 4,
        ),
    ]
    if peer is not None:
        kernel_blocks = sides_blocks["kernel"]
        rows.append(
            Row(
                figure="execute",
                what="peer: a Jupyter kernel executes `pass`, connected, p50",
                measured=ms(kernel_blocks.p50),
                reference=f"daemon {ms(daemon.p50)}",
                ratio=kernel_blocks.ratio_to(daemon),
            )
        )
    return rows


async def session(bench: Bench) -> list[Row]:
    """Measure ``pass`` on a WebSocket that stays open, request to ``completed``, against the echo of a message.

    n = turns × samples of each.
    """
    row: dict[str, Any] = {
        "figure": "session",
        "what": "`pass` on an open connection, p50",
        "target": "≤ 2.5 × a message's echo",
    }
    async with bench.pair() as pair:
        try:
            connection = await pair.client.http.ws_connect(pair.client.url + PREFIX + "/session")
        except aiohttp.WSServerHandshakeError as error:
            if error.status != NOT_FOUND:
                raise
            return [Row(**row, measured=NOT_BUILT, met=False)]
        floor = await pair.floor_client.http.ws_connect(pair.floor_client.url + "/echo")
        number = 0
        message = request("pass")

        async def run() -> float:
            nonlocal number
            number += 1
            wish = json.dumps({"op": "execute", "requestId": str(number), "code": "pass"})
            start = time.perf_counter()
            await connection.send_str(wish)
            answer = json.loads(await connection.receive_str(timeout=10))
            while not (answer["type"] == "control" and answer.get("text") == "completed"):
                if answer["type"] == "error":
                    raise BenchmarkError(f"the session says {answer}")
                answer = json.loads(await connection.receive_str(timeout=10))
            end = time.perf_counter()
            if answer["requestId"] != str(number):
                raise BenchmarkError(f"request {number} was answered by {answer}")
            return end - start

        async def echo() -> float:
            start = time.perf_counter()
            await floor.send_str(message)
            answer = json.loads(await floor.receive_str())
            end = time.perf_counter()
            assert answer["code"] == "pass"
            return end - start

        sides = await alternate(
            {"daemon": run, "echo": echo}, turns=bench.scale.turns, samples=bench.scale.samples, warm_up=20
        )
        await connection.close()
        await floor.close()
    ratio = sides["daemon"].ratio_to(sides["echo"])
    return [
        Row(
            **row,
            measured=ms(sides["daemon"].p50),
            reference=f"echo {ms(sides['echo'].p50)}",
            ratio=ratio,
            met=ratio <= 2.5,
            values={name: blocks.milliseconds() for name, blocks in sides.items()},
        )
    ]


async def first_byte(bench: Bench) -> list[Row]:
    """Measure connect to the first byte of ``print('x')``, against connect to ``completed`` of ``pass``.

    n = turns × samples of each.
    """
    async with bench.daemon() as (_, client):

        async def output() -> float:
            return await client.first("print('x')", "stdout")

        async def silence() -> float:
            return await client.first("pass", "control")

        sides = await alternate(
            {"output": output, "silence": silence}, turns=bench.scale.turns, samples=bench.scale.samples
        )
    ratio = sides["output"].ratio_to(sides["silence"])
    return [
        Row(
            figure="first-byte",
            what="first byte of `print('x')`, from connect, p50",
            target="≤ 1.3 × an execution without output",
            measured=ms(sides["output"].p50),
            reference=f"`pass` to `completed` {ms(sides['silence'].p50)}",
            ratio=ratio,
            met=ratio <= 1.3,
            values={name: blocks.milliseconds() for name, blocks in sides.items()},
        )
    ]
