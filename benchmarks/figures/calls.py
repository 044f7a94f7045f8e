"""What the call of a host function costs, on a session: one after the other, and sixteen at the same time."""

import json
import time
from contextlib import AsyncExitStack
from typing import Any, Final

from aiohttp import ClientWebSocketResponse

from benchmarks.bench import Bench
from benchmarks.client import PREFIX, request
from benchmarks.report import Row, ms
from benchmarks.stats import Sample, alternate

IN_A_ROW: Final = 1000
PARALLEL: Final = 16
FUNCTIONS: Final = [{"name": "call"}, {"name": "call_async", "async": True}]
ONE: Final = """
import time
taken = []
for i in range(9):
    start = time.perf_counter()
    call(i)
    taken.append(time.perf_counter() - start)
print(sorted(taken)[4])
"""
ROW: Final = f"""
import time
start = time.perf_counter()
for i in range({IN_A_ROW}):
    call(i)
print(time.perf_counter() - start)
"""
ALL: Final = f"""
import asyncio, time
start = time.perf_counter()
await asyncio.gather(*[call_async(i) for i in range({PARALLEL})])
print((time.perf_counter() - start) / {PARALLEL})
"""


class Caller:
    """Runs code on a session, and answers its calls at once."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket

    async def run(self, code: str) -> float:
        """Return the number that ``code`` prints: seconds, as the code has measured them."""
        wish = {"op": "execute", "requestId": "a", "code": code, "functions": FUNCTIONS, "timeout": 60}
        await self._socket.send_str(json.dumps(wish))
        printed = ""
        while True:
            told: dict[str, Any] = json.loads(await self._socket.receive_str(timeout=60))
            if told["type"] == "functionCall":
                ids = f'"executionId":"{told["executionId"]}","callId":"{told["callId"]}"'
                await self._socket.send_str(f'{{"op":"return","requestId":"r",{ids},"value":1}}')
            elif told["type"] == "stdout":
                printed += told["text"]
            elif told["type"] == "control" and told["text"] == "completed":
                return float(printed)


async def calls(bench: Bench) -> list[Row]:
    """Measure calls from the code's side, against the echo of a message. n = turns × samples of each.

    The client answers each call at once, with one message.
    """
    message = request("pass")
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(bench.pair())
        session = await stack.enter_async_context(pair.client.http.ws_connect(pair.client.url + PREFIX + "/session"))
        floor = await stack.enter_async_context(pair.floor_client.http.ws_connect(pair.floor_client.url + "/echo"))
        caller = Caller(session)

        async def one() -> float:
            return await caller.run(ONE)

        async def parallel() -> float:
            return await caller.run(ALL)

        async def echo() -> float:
            start = time.perf_counter()
            await floor.send_str(message)
            json.loads(await floor.receive_str())
            return time.perf_counter() - start

        sides: dict[str, Sample] = {"one": one, "parallel": parallel, "echo": echo}
        found = await alternate(sides, turns=bench.scale.turns, samples=bench.scale.samples, warm_up=20)
        row_s = min([await caller.run(ROW) for _ in range(3)])
    values = {name: blocks.milliseconds() for name, blocks in found.items()}
    ratio, apart = found["one"].ratio_to(found["echo"]), found["parallel"].ratio_to(found["one"])
    return [
        Row(
            figure="calls",
            what="call of a host function, answered on a session, p50",
            target="≤ 2.5 × a message's echo",
            measured=ms(found["one"].p50),
            reference=f"echo {ms(found['echo'].p50)}",
            ratio=ratio,
            met=ratio <= 2.5,
            value=found["one"].p50,
            unit="s",
            references={"echo": found["echo"].p50},
            values=values,
        ),
        Row(
            figure="calls",
            what=f"{IN_A_ROW} calls in a row, the best of three",
            target="≤ 1 s",
            measured=ms(row_s),
            met=row_s <= 1,
            value=row_s,
            unit="s",
        ),
        Row(
            figure="calls",
            what=f"{PARALLEL} calls at the same time, for each call, p50",
            target="≤ one call",
            measured=ms(found["parallel"].p50),
            reference=f"one call {ms(found['one'].p50)}",
            ratio=apart,
            met=apart <= 1,
            value=found["parallel"].p50,
            unit="s",
            references={"one": found["one"].p50},
            values=values,
        ),
    ]
