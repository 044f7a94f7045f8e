"""An unread log: its pipe is full after some lines, while code provokes more; no client may notice."""

import asyncio
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

import aiohttp
import orjson
from forging import JUNK
from harness import Client

from soak.report import Phase
from soak.watch import COMMAND, HEALTH_LIMIT_S, STOP_LIMIT_S

CONTEXTS = 8
PIPE_BYTES = 4096


async def unread(seconds: float, directory: Path) -> list[Phase]:
    """Soak a daemon whose log is not read before it has ended."""
    phase = Phase(f"a log that nobody reads, {seconds:.0f} s, {CONTEXTS} contexts")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    daemon = await asyncio.create_subprocess_exec(
        COMMAND, "serve", "--port", "0", "--python", sys.executable, "--log-level", "debug", cwd=directory,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=writer,
    )  # fmt: skip
    os.close(writer)
    try:
        assert daemon.stdout is not None
        url = orjson.loads(await daemon.stdout.readline())["url"]
        async with Client(url) as client:
            until = time.monotonic() + seconds
            asking = asyncio.create_task(_ask_for_health(client, phase, until))
            await asyncio.gather(asking, *(_provoke(client, phase, until) for _ in range(CONTEXTS)))
        start = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                status = await daemon.wait()
        except TimeoutError:
            phase.expect(False, "it did not end after SIGTERM")
        else:
            phase.expect(status == 0, f"it ended with status {status}")
            phase.seconds["SIGTERM to end"].append(time.monotonic() - start)
    finally:
        if daemon.returncode is None:
            daemon.kill()
            await daemon.wait()
        left = os.read(reader, 2 * PIPE_BYTES)
        os.close(reader)
    phase.expect(len(left) > PIPE_BYTES // 2, f"the pipe was not full: {len(left)} bytes")
    return [phase]


async def _ask_for_health(client: Client, phase: Phase, until: float) -> None:
    while time.monotonic() < until:
        start = time.monotonic()
        try:
            async with asyncio.timeout(HEALTH_LIMIT_S), client.http.get(client.url + "/health") as response:
                phase.expect(response.status == 200, f"GET /health answered {response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            phase.expect(False, f"GET /health failed: {error!r}")
        phase.seconds["GET /health"].append(time.monotonic() - start)
        await asyncio.sleep(0.1)


async def _provoke(client: Client, phase: Phase, until: float) -> None:
    context = await client.create()
    while time.monotonic() < until:
        result = await client.run(JUNK, context)
        phase.count("executions", "junk on the channel")
        name = result.error["name"] if result.error else None
        phase.expect(name == "WorkerDied", f"junk on the channel ended in {name}")
        result = await client.run("print(1)", context)
        phase.count("executions", "after it")
        phase.expect(result.stdout == "1\n", f"after junk on the channel: {result}")
