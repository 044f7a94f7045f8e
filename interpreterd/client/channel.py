"""One WebSocket to the daemon for many executions: the cheapest way to run them."""

import asyncio
import contextlib
import itertools
from collections import deque
from typing import Any, Final, Literal

import aiohttp
import orjson

from interpreterd.client.errors import ConnectionLost, UnexpectedAnswer
from interpreterd.client.link import Link, refused_as

SESSION_MESSAGE_LIMIT_BYTES: Final = 64 << 20  # a picture of 16 MiB is 22 MiB as base64; text may be six times as long
UNREAD_LIMIT_BYTES: Final = 1 << 20  # of all executions together, and one message more
HEARTBEAT_S: Final = 30.0
Socket = aiohttp.ClientWebSocketResponse[Literal[False]]


class ChannelFeed:
    """The messages of one execution, as they come."""

    def __init__(self, channel: "Channel", request_id: str) -> None:
        self._channel = channel
        self._request_id = request_id
        self._unread: deque[bytes] = deque()
        self._came = asyncio.Event()
        self._error: Exception | None = None
        self._refusal: dict[str, Any] | None = None

    async def read(self) -> list[bytes]:
        """Return the messages that have come, at least one. May be cancelled, and called again.

        Raises:
            Refused: The daemon has refused the execution.
            ConnectionLost: The connection has ended.
        """
        await self._came.wait()
        if not self._unread:
            assert self._error is not None
            raise self._error
        lines = list(self._unread)
        self._unread.clear()
        if self._error is None:
            self._came.clear()
        self._channel.has_read(sum(map(len, lines)))
        return lines

    def close(self) -> None:
        """Take no more messages."""
        self._channel.forget(self._request_id)
        self._channel.has_read(sum(map(len, self._unread)))
        self._unread.clear()

    def put(self, line: bytes) -> None:
        """Take a message of the daemon's."""
        if b'"seq":' in line or (message := orjson.loads(line)).get("text") not in (None, "refused"):
            self._unread.append(line)
        else:  # refused: an error with the reason comes first
            self._channel.has_read(len(line))
            if message.get("type") == "error":
                self._refusal = message
                return
            text, code = (self._refusal or {}).get("value", "refused"), (self._refusal or {}).get("code", "refused")
            self.end(refused_as(str(text), str(code), 400))
        self._came.set()

    def end(self, error: Exception) -> None:
        """Say that no more messages will come."""
        self._error = error
        self._came.set()


class Channel:
    """Runs executions on one WebSocket, which is opened on first use, and again after it has ended.

    Messages are read for all executions together: one whose messages are not taken holds up the others, once they
    have ``UNREAD_LIMIT_BYTES``.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._feeds: dict[str, ChannelFeed] = {}
        self._numbers = itertools.count()
        self._socket: Socket | None = None
        self._opening = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._unread_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def is_open(self) -> bool:
        """Open the connection, if it is not open; return False if something before the daemon passes no WebSockets.

        Raises:
            ConnectionFailed, ConnectionLost: No daemon answers.
        """
        async with self._opening:
            if self._socket is None or self._socket.closed:
                await self.close()
                try:
                    self._socket = socket = await self._link.web_socket(
                        "/session", SESSION_MESSAGE_LIMIT_BYTES, HEARTBEAT_S
                    )
                except UnexpectedAnswer:
                    return False
                self._reading = asyncio.create_task(self._read(socket))
            return True

    async def execute(self, body: bytes) -> ChannelFeed:
        """Send a request, the keys of an execution as JSON, on the open connection; return its messages."""
        return await self._send({"op": "execute"}, body[1:])

    async def answer_call(self, execution_id: str, call_id: str, answer: bytes) -> bool:
        """Answer the call of a host function; return False if there is no connection.

        Raises:
            Refused: The daemon does not take it.
            ConnectionLost: The connection has ended before the daemon said that it has the answer.
        """
        if self._socket is None or self._socket.closed:
            return False
        feed = await self._send({"op": "return", "executionId": execution_id, "callId": call_id}, answer)
        try:
            await feed.read()
        finally:
            feed.close()
        return True

    async def _send(self, head: dict[str, str], rest: bytes) -> ChannelFeed:
        """Send an operation, a JSON object: ``head`` and ``rest``, which lacks the first brace; return its messages."""
        socket = self._socket
        if socket is None:
            raise ConnectionLost(f"{self._link.url} has ended the connection")
        request_id = str(next(self._numbers))
        feed = self._feeds[request_id] = ChannelFeed(self, request_id)
        start = orjson.dumps({**head, "requestId": request_id})
        try:
            with self._link.translated():
                await socket.send_frame(start[:-1] + b"," + rest, aiohttp.WSMsgType.TEXT)
        except BaseException:
            self.forget(request_id)
            raise
        return feed

    async def close(self) -> None:
        """End the connection; executions go on."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    def has_read(self, count: int) -> None:
        """``count`` bytes have been taken."""
        self._unread_bytes -= count
        if self._unread_bytes < UNREAD_LIMIT_BYTES:
            self._room.set()

    def forget(self, request_id: str) -> None:
        """Drop all further messages of a request."""
        self._feeds.pop(request_id, None)

    async def _read(self, socket: Socket) -> None:
        error: Exception = ConnectionLost(f"{self._link.url} has ended the connection")
        try:
            while True:
                await self._room.wait()
                message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._take(message.data)
        except ValueError as broken:
            error = UnexpectedAnswer(str(broken), 101)
        finally:
            feeds, self._feeds = self._feeds, {}
            for feed in feeds.values():
                feed.end(error)
            if self._socket is socket:  # nobody would read what is answered on it
                self._socket = None
            await socket.close()

    def _take(self, line: bytes) -> None:
        feed = self._feeds.get(_request_id(line))
        if feed is None:
            return
        self._unread_bytes += len(line)
        if self._unread_bytes >= UNREAD_LIMIT_BYTES:
            self._room.clear()
        feed.put(line)


def _request_id(line: bytes) -> str:
    """Return the id of the request to which a message belongs."""
    # All digits, and after all text of the program: so a message need not be read twice as JSON.
    _, mark, rest = line.rpartition(b'"requestId":"')
    if not mark:
        raise ValueError(f"not a message of a session: {line[:200]!r}")
    return rest[: rest.index(b'"')].decode()
