"""Many clients, in a process of their own so that their work is not the measuring process's.

Reads jobs from stdin, one JSON object a line, and answers each with one:

``{"job": "cycles", "port", "path", "messages", "last", "seconds"}``: a client for each message sends it over a new
    WebSocket, again and again, by ``rawsocket``; answers ``count``, ``seconds``, ``cpu_s`` (its own CPU time).
``{"job": "streams", "url", "messages", "seconds"}``: a client for each message sends it once and reads, by aiohttp;
    answers ``characters``, ``seconds``, ``cpu_s``.
"""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
import uvloop

from benchmarks.rawsocket import RawSocket
from benchmarks.servers import ROOT, BenchmarkError, environment

ANSWER_LIMIT_S = 60.0


async def cycles(port: int, path: str, messages: list[str], last: str | None, seconds: float) -> dict[str, float]:
    """Run one client for each message; ``last`` is the server's expected last message, None for the message itself."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    end = start + seconds

    async def client(message: str) -> int:
        count = 0
        expected = (message if last is None else last).encode()
        while time.perf_counter() < end:
            _, socket = await loop.create_connection(lambda: RawSocket(port, path, message), "127.0.0.1", port)
            if (answer := await socket.closed) != expected:
                raise ConnectionError(f"{message!r} was answered by {answer!r}")
            count += 1
        return count

    counts = await asyncio.gather(*map(client, messages))
    return {"count": sum(counts), "seconds": time.perf_counter() - start}


async def streams(url: str, messages: list[str], seconds: float) -> dict[str, float]:
    """Read the output of one execution for each message, then leave; the executions are left running."""
    start = time.perf_counter()
    characters = 0

    async def client(http: aiohttp.ClientSession, message: str) -> None:
        nonlocal characters
        async with http.ws_connect(url) as socket:
            await socket.send_str(message)
            while (frame := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                characters += len(frame.data)
            raise ConnectionError(f"a stream ended: {frame!r}")

    async with aiohttp.ClientSession() as http:
        clients = [asyncio.create_task(client(http, message)) for message in messages]
        done, _ = await asyncio.wait(clients, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        took = time.perf_counter() - start
        for task in clients:
            task.cancel()
        await asyncio.wait(clients)
        for task in done:
            task.result()
    return {"characters": characters, "seconds": took}


JOBS: dict[str, Callable[..., Coroutine[Any, Any, dict[str, float]]]] = {"cycles": cycles, "streams": streams}


class Load:
    """Such a process, as the measuring process sees it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes]

    async def __aenter__(self) -> Self:
        """Start it."""
        self._start()
        return self

    def _start(self) -> None:
        command = [sys.executable, "-m", "benchmarks.load"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, env=environment())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        await asyncio.to_thread(self._process.communicate)

    async def run(self, **job: Any) -> dict[str, float]:
        """Have it do one job; return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(job) + b"\n")
        self._process.stdin.flush()
        async with asyncio.timeout(job["seconds"] + ANSWER_LIMIT_S):
            line = await asyncio.to_thread(self._process.stdout.readline)
        answer: dict[str, Any] = orjson.loads(line) if line else {"error": "the load process died"}
        if "error" in answer:
            raise BenchmarkError(answer["error"])
        return answer


def main() -> None:
    """Do the jobs of stdin."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin.buffer:
            job = orjson.loads(line)
            work = JOBS[job.pop("job")]
            before = resource.getrusage(resource.RUSAGE_SELF)
            try:
                answer: dict[str, Any] = runner.run(work(**job))
            except (OSError, aiohttp.ClientError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            else:
                after = resource.getrusage(resource.RUSAGE_SELF)
                answer["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            os.write(1, orjson.dumps(answer) + b"\n")


if __name__ == "__main__":
    main()
