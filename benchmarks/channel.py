"""A client of Jupyter's kernels over REST and WebSocket: the same for the daemon and for the Kernel Gateway."""

import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp

from benchmarks.servers import BenchmarkError, Server

ANSWER_LIMIT_S = 60.0
MESSAGE_LIMIT = 64 << 20


class Channel:
    """An open WebSocket to the channels of a kernel, which speaks JSON as most clients do. Every time in seconds."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def execute(self, code: str = "pass") -> float:
        """Return the time from the request until its reply and its ``idle`` status are both there."""
        return (await self._run(code))[1]

    async def printed(self, code: str) -> tuple[int, float]:
        """Return how many characters arrive on stdout while ``code`` runs, and the time of ``execute``."""
        return await self._run(code)

    async def _run(self, code: str) -> tuple[int, float]:
        header = {"msg_id": uuid.uuid4().hex, "session": "bench", "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        request = {
            "header": {**header, "msg_type": "execute_request", "date": "2026-11-26T00:00:00.000000Z"},
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }
        wish = json.dumps(request)
        characters, replied, idle = 0, False, False
        start = time.perf_counter()
        await self._socket.send_str(wish)
        while not (replied and idle):
            message: dict[str, Any] = json.loads(await self._socket.receive_str(timeout=ANSWER_LIMIT_S))
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            told = message["content"]
            match message["msg_type"]:
                case "stream" if told["name"] == "stdout":
                    characters += len(told["text"])
                case "status":
                    idle = told["execution_state"] == "idle"
                case "execute_reply":
                    replied = True
                    if told["status"] != "ok":
                        raise BenchmarkError(f"the kernel says {told}")
                case _:
                    pass
        return characters, time.perf_counter() - start


class Kernels:
    """Starts, connects and ends kernels of one server."""

    def __init__(self, http: aiohttp.ClientSession, server: Server) -> None:
        self._http = http
        self._url = f"{server.url}/api/kernels"

    async def start(self) -> str:
        """Start a kernel and return its id."""
        async with self._http.post(self._url, json={"name": "python3"}) as response:
            told = await response.json()
            if response.status != 201:
                raise BenchmarkError(f"no kernel: {response.status} {told}")
        return str(told["id"])

    @asynccontextmanager
    async def channel(self, kernel: str) -> AsyncIterator[Channel]:
        """Connect to a kernel for the block."""
        url = f"{self._url}/{kernel}/channels?session_id={uuid.uuid4().hex}"
        async with self._http.ws_connect(url, max_msg_size=MESSAGE_LIMIT) as socket:
            yield Channel(socket)

    async def restart(self, kernel: str) -> None:
        """Give a kernel a new process."""
        async with self._http.post(f"{self._url}/{kernel}/restart", json={}) as response:
            response.raise_for_status()

    async def end(self, kernel: str) -> None:
        """End a kernel."""
        async with self._http.delete(f"{self._url}/{kernel}") as response:
            response.raise_for_status()

    async def first(self) -> float:
        """Return the time from the request for a kernel to the end of its first ``pass``; the kernel ends then."""
        start = time.perf_counter()
        kernel = await self.start()
        async with self.channel(kernel) as channel:
            await channel.execute()
            took = time.perf_counter() - start
        await self.end(kernel)
        return took

    async def restarted(self, kernel: str) -> float:
        """Return the time from the request for a restart to the end of the first ``pass`` on a new WebSocket."""
        start = time.perf_counter()
        await self.restart(kernel)
        async with self.channel(kernel) as channel:
            await channel.execute()
            return time.perf_counter() - start

    @classmethod
    @asynccontextmanager
    async def of(cls, server: Server) -> AsyncIterator[Self]:
        """Make a client of ``server`` for the block."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            yield cls(http, server)
