"""A TCP proxy before a daemon. A test plans how it cuts connections."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from attrs import define, field, frozen


@frozen
class Cut:
    """Forward this many bytes from the daemon, then end both connections."""

    after_bytes: int


@frozen
class Swallow:
    """Forward nothing: take the client's first data, and end the connection."""


@frozen
class Say:
    """Give this answer in place of the daemon, after the client's first data."""

    answer: bytes


@frozen
class Hold:
    """Forward everything after ``go_on`` is set."""

    go_on: asyncio.Event


@frozen
class Lose:
    """Forward everything until ``now`` is set; lose what the client sends then, and end both connections."""

    now: asyncio.Event


Plan = Cut | Swallow | Say | Hold | Lose


@define
class Proxy:
    """The proxy's plans and its record of connections.

    Attributes:
        plans: One for each of the next connections. Later connections are forwarded.
        heard: The first bytes of each connection that was not forwarded.
    """

    url: str = ""
    plans: deque[Plan] = field(factory=deque)
    heard: list[bytes] = field(factory=list)
    connections: int = 0
    _waiting: list[tuple[int, asyncio.Event]] = field(factory=list)

    async def connected(self, times: int) -> None:
        """Wait until there were this many connections in all."""
        event = asyncio.Event()
        self._waiting.append((times, event))
        self._tell()
        await event.wait()

    def _tell(self) -> None:
        for times, event in self._waiting:
            if self.connections >= times:
                event.set()

    async def serve(self, upstream: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tell()
        plan = self.plans.popleft() if self.plans else None
        try:
            if isinstance(plan, Swallow | Say):
                self.heard.append(await reader.read(1 << 16))
                if isinstance(plan, Say):
                    writer.write(plan.answer)
                    await writer.drain()
                return
            if isinstance(plan, Hold):
                await plan.go_on.wait()
            lose = plan.now if isinstance(plan, Lose) else None
            await self._pass_on(upstream, reader, writer, plan.after_bytes if isinstance(plan, Cut) else None, lose)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _pass_on(
        self,
        upstream: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: int | None,
        lose: asyncio.Event | None,
    ) -> None:
        parts = urlsplit(upstream)
        from_daemon, to_daemon = await asyncio.open_connection(parts.hostname, parts.port)
        there = asyncio.create_task(_copy(reader, to_daemon, lose))
        try:
            while data := await from_daemon.read(1 << 12):
                writer.write(data if left is None else data[:left])
                await writer.drain()
                if left is not None and (left := left - len(data)) <= 0:
                    break
        finally:
            there.cancel()
            to_daemon.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lose: asyncio.Event | None) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            if lose is not None and lose.is_set():
                writer.transport.abort()
                return
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def proxy(upstream: str) -> AsyncIterator[Proxy]:
    """Run a proxy before the daemon at ``upstream``."""
    it = Proxy()
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(it.serve(upstream, reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    it.url = f"http://{host}:{port}"
    try:
        yield it
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
