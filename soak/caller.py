"""An act of the chaos: code calls host functions from threads and coroutines, and its client answers in any order."""

import asyncio
import random
from typing import Any, Final

from harness import Client, Running

from soak.charge import Charge, Ended
from soak.report import Phase

FUNCTIONS: Final = [{"name": "call"}, {"name": "call_async", "async": True}]
CALLS: Final = """
import asyncio, concurrent.futures
def one(i):
    try:
        return call(i)
    except ValueError as error:
        return int(str(error))
async def other(i):
    try:
        return await call_async(i)
    except ValueError as error:
        return int(str(error))
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    waiting = [pool.submit(one, i) for i in range({n})]
    found = await asyncio.gather(*[other(i) for i in range({n})])
    print(sum(found), sum(it.result() for it in waiting))
"""


async def call(client: Client, charge: Charge, chooser: random.Random, phase: Phase) -> None:
    """Run calls to their end, or interrupt them in the middle."""
    n = chooser.randrange(1, 25)
    stops_after = chooser.choice((None, None, chooser.randrange(2 * n)))
    keys = {"contextId": charge.id, "events": "v2", "functions": FUNCTIONS}
    async with client.running(CALLS.format(n=n), **keys) as running, asyncio.TaskGroup() as tasks:
        answered = 0
        while (message := await running.next()) is not None:
            if message["type"] != "functionCall":
                continue
            if answered == stops_after:
                await client.request("POST", f"/executions/{message['executionId']}/interrupt")
            answered += 1
            tasks.create_task(_answer(running, message, chooser.random() * 0.01, raises=chooser.random() < 0.2))
    result = running.result
    result.messages = [it for it in result.messages if it.get("text") not in ("queued", "started")]
    ended = Ended.of_result(result)
    expected = ["completed", "interrupted KeyboardInterrupt: "] if stops_after is not None else ["completed"]
    if charge.judge(ended, *expected) == "completed":
        total = n * (n - 1) // 2
        phase.expect(ended.stdout == f"{total} {total}\n", f"the sums of {n} calls are {ended.stdout!r}")


async def _answer(running: Running, message: dict[str, Any], after_s: float, *, raises: bool) -> None:
    await asyncio.sleep(after_s)
    (number,) = message["args"]
    answer = {"error": {"name": "ValueError", "value": str(number)}} if raises else {"value": number}
    if not running.socket.closed:
        await running.socket.send_json({"op": "return", "callId": message["callId"], **answer})
