"""What one execution costs: over a new WebSocket, over one that stays open, up to its first byte of output."""

import json
import time
from contextlib import AsyncExitStack

from benchmarks.bench import Bench
from benchmarks.client import request
from benchmarks.report import Row, ms
from benchmarks.stats import Sample, alternate


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
            target="≤ 1.35 × the echo server's cycle",
            measured=ms(daemon.p50),
            reference=f"echo {ms(echo.p50)}",
            ratio=ratio,
            met=ratio <= 1.35,
            value=daemon.p50,
            unit="s",
            references={"echo": echo.p50},
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
            value=daemon.p99,
            unit="s",
            references={"p50": daemon.p50, "echo": echo.p99},
            values=values,
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
                value=kernel_blocks.p50,
                unit="s",
                references={"daemon": daemon.p50},
                values=values,
            )
        )
    return rows


async def session(bench: Bench) -> list[Row]:
    """Measure ``pass`` on a WebSocket that stays open, request to ``completed``, against the echo of a message.

    n = turns × samples of each.
    """
    message = request("pass")
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(bench.pair())
        run = await stack.enter_async_context(pair.client.session())
        floor = await stack.enter_async_context(pair.floor_client.http.ws_connect(pair.floor_client.url + "/echo"))

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
    ratio = sides["daemon"].ratio_to(sides["echo"])
    return [
        Row(
            figure="session",
            what="`pass` on an open connection, p50",
            target="≤ 3 × a message's echo, and ≤ 0.2 ms",
            measured=ms(sides["daemon"].p50),
            reference=f"echo {ms(sides['echo'].p50)}",
            ratio=ratio,
            met=ratio <= 3 and sides["daemon"].p50 <= 0.2e-3,
            value=sides["daemon"].p50,
            unit="s",
            references={"echo": sides["echo"].p50},
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
            value=sides["output"].p50,
            unit="s",
            references={"`pass` to `completed`": sides["silence"].p50},
            values={name: blocks.milliseconds() for name, blocks in sides.items()},
        )
    ]
