"""The aiohttp client with which everything but the rates is measured; the same for the daemon and its floor."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks.servers import BenchmarkError, Server

PREFIX = "/process/interpreter"
COMPLETED = '{"type":"control","text":"completed"}'


def request(code: str, context: str | None = None, **keys: Any) -> str:
    """Return the first message of an execution."""
    return json.dumps({"code": code, **({"contextId": context} if context else {}), **keys})


class Client:
    """Speaks with one server over connections of its own; every time in seconds."""

    def __init__(self, http: aiohttp.ClientSession, server: Server) -> None:
        self.http = http
        self.url = server.url

    async def cycle(self, path: str, message: str, last: str) -> float:
        """Return the time of a whole WebSocket: connect, send, receive until the server's close frame.

        ``last`` is the expected last message of the server.
        """
        start = time.perf_counter()
        async with self.http.ws_connect(self.url + path) as socket:
            await socket.send_str(message)
            text = None
            while (frame := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                text = frame.data
            end = time.perf_counter()
        if text != last or frame.type is not aiohttp.WSMsgType.CLOSE:
            raise BenchmarkError(f"{path}: {message[:100]!r} was answered by {text!r}, then {frame!r}")
        return end - start

    async def execute(self, code: str = "pass", context: str | None = None) -> float:
        """Return the time of one execution, connect to close frame."""
        return await self.cycle(PREFIX + "/execute", request(code, context), COMPLETED)

    async def post(self, code: str, context: str | None = None) -> str:
        """Run ``code`` by plain HTTP; return its stdout."""
        async with self.http.post(self.url + PREFIX + "/execute", data=request(code, context)) as response:
            told = await response.json()
        if told["outcome"] != "completed" or told["error"] is not None:
            raise BenchmarkError(f"{code!r}: {told}")
        return str(told["stdout"])

    async def echo(self, message: str = request("pass")) -> float:
        """Return the time of the echo server's cycle, connect to close frame."""
        return await self.cycle("/cycle", message, message)

    async def first(self, code: str, kind: str) -> float:
        """Return the time from connect to the first message of type ``kind``, ``control`` or ``stdout``."""
        start = time.perf_counter()
        async with self.http.ws_connect(self.url + PREFIX + "/execute") as socket:
            await socket.send_str(request(code))
            text = await socket.receive_str()
            end = time.perf_counter()
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        if json.loads(text)["type"] != kind:
            raise BenchmarkError(f"{code!r} was first answered by {text}")
        return end - start

    async def output(self, code: str, context: str, streams: tuple[str, ...] = ("stdout",)) -> tuple[list[str], float]:
        """Return the pieces that ``code`` writes to ``streams``, and the time from connect to ``completed``."""
        frames = []
        start = time.perf_counter()
        async with self.http.ws_connect(self.url + PREFIX + "/execute") as socket:
            await socket.send_str(request(code, context))
            while (frame := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                frames.append(frame.data)
            end = time.perf_counter()
        if not frames or frames[-1] != COMPLETED:
            raise BenchmarkError(f"output ended with {frames[-1:]}, {frame!r}")
        messages = [json.loads(text) for text in frames[:-1]]
        if strange := [message for message in messages if message["type"] not in streams]:
            raise BenchmarkError(f"output came with {strange[0]}")
        return [message["text"] for message in messages], end - start

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Callable[[], Awaitable[float]]]:
        """Open a session; yield a function that runs ``pass`` on it and returns the time to ``completed``."""
        async with self.http.ws_connect(self.url + PREFIX + "/session") as connection:
            number = 0

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

            yield run

    async def get(self, path: str) -> float:
        """Return the time of a GET, body read, on a connection that stays open."""
        start = time.perf_counter()
        async with self.http.get(self.url + path) as response:
            await response.read()
            end = time.perf_counter()
            response.raise_for_status()
        return end - start

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[float, dict[str, Any]]:
        """Return the time of a request, to the end of its answer, and the answer."""
        start = time.perf_counter()
        async with self.http.request(method, self.url + PREFIX + path, json=body) as response:
            told: dict[str, Any] = await response.json()
            end = time.perf_counter()
        if response.status != 200:
            raise BenchmarkError(f"{method} {path}: {response.status} {told}")
        return end - start, told

    async def create(self) -> str:
        """Create a context and return its id."""
        async with self.http.post(self.url + PREFIX + "/context", json={}) as response:
            body = await response.json()
            if response.status != 200:
                raise BenchmarkError(f"no context: {response.status} {body}")
            return str(body["id"])

    async def create_many(self, count: int, *, at_once: int, run: str | None = None) -> list[str]:
        """Create ``count`` contexts, ``at_once`` requests at a time, and run ``run`` in each. Fewer if refused."""
        ids: list[str] = []
        left = iter(range(count))

        async def create() -> None:
            for _ in left:
                ids.append(await self.create())
                if run is not None:
                    await self.execute(run, ids[-1])

        results = await asyncio.gather(*(create() for _ in range(at_once)), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not (isinstance(result, BenchmarkError) and "503" in str(result)):
                raise result
        return ids

    async def delete(self, context: str) -> None:
        """Delete a context."""
        async with self.http.delete(f"{self.url}{PREFIX}/context/{context}") as response:
            response.raise_for_status()


@asynccontextmanager
async def client(server: Server) -> AsyncIterator[Client]:
    """Make a client of ``server`` that keeps as many connections as it is asked for."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as http:
        yield Client(http, server)
