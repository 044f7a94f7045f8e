"""A daemon that no client uses ends by itself, if it was asked to."""

import asyncio
from collections.abc import Awaitable, Callable

from harness import Client, Daemon, Gate

from interpreterd.unused import wait_until_unused

Start = Callable[..., Awaitable[Daemon]]


async def test_neither_a_client_nor_code_that_runs_leaves_it_unused() -> None:
    loop = asyncio.get_running_loop()
    since: list[float | None] = [None]
    busy = [True]
    waiting = asyncio.create_task(wait_until_unused(lambda: since[0], lambda: busy[0], 0.01))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    since[0] = loop.time()
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    busy[0] = False
    await waiting


async def test_a_daemon_ends_when_its_last_client_has_gone_and_its_code_has_ended(
    start_daemon: Start, gate: Gate
) -> None:
    daemon = await start_daemon("--exit-unused-s", "2")
    async with Client(daemon.url) as client:
        body = {"code": f"print('here', flush=True)\n{gate.wait}", "background": True}
        _, job = await client.request("POST", "/execute", json=body)
        async with client.http.get(f"{client.base}/executions/{job['id']}/events") as events:
            async for line in events.content:
                if b"here" in line:
                    break
    async with Client(daemon.url) as client:  # it is still there, although no client was
        assert (await client.request("GET", "/contexts"))[0] == 200
    gate.open()
    assert await daemon.ended() == 0
