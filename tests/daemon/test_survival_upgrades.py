"""Persistent contexts go to the daemon that takes another one's place."""

import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from harness import Client, Daemon, Gate, gone
from leaving import logged

Start = Callable[..., Awaitable[Daemon]]


async def test_contexts_go_to_the_new_daemon_each_when_it_is_idle(
    start_daemon: Start, gate: Gate, tmp_path: Path
) -> None:
    flags = ("--state-dir", str(tmp_path / "state"), "--persistent", "--listen", f"unix:{tmp_path / 'a.sock'}")
    daemon = await start_daemon(*flags)
    async with Client(daemon.url) as client:
        idle, busy = await client.create(), await client.create()
        await client.run("x = 'idle'", idle)
        await client.run("x = 'busy'", "default")
        async with client.running(f"x = 'busy'\nprint(1)\n{gate.wait}", contextId=busy) as running:
            await running.until("1")
            daemon.process.send_signal(signal.SIGUSR2)
            assert daemon.process.stdout is not None
            announced = json.loads(await daemon.process.stdout.readline())
            try:
                await logged(daemon, b"2 persistent contexts are the new daemon's now")
                async with Client(announced["url"]) as new:
                    while (await new.request("GET", f"/context/{idle}"))[0] == 503:
                        pass
                    assert (await new.run("print(x)", idle)).stdout == "idle\n"
                    assert (await new.run("print(x)", "default")).stdout == "busy\n"
                    status, body = await new.request("GET", f"/context/{busy}")
                    assert (status, body["code"]) == (503, "context_moving")
                    assert "try again soon" in body["error"]
                    gate.open()
                    await running.finish()
                    while (await new.request("GET", f"/context/{busy}"))[0] == 503:
                        pass
                    assert (await new.run("print(x)", busy)).stdout == "busy\n"
            finally:
                with suppress(ProcessLookupError):
                    os.kill(announced["pid"], signal.SIGTERM)
                await gone(announced["pid"])
    assert await daemon.ended() == 0
