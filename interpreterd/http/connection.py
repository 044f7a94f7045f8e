"""A client's connection: aiohttp's, with a limit to its patience, and without references to lost requests."""

import asyncio
import socket
import struct
from typing import Any, Final, cast

from aiohttp import ClientConnectionResetError, web
from aiohttp.base_protocol import BaseProtocol

from interpreterd.http.disconnect import untaken_bytes

LOOKS: Final = 8  # the number of looks at a client within its patience
NOTHING_TAKEN: Final = -(1 << 62)
_DROP: Final = struct.pack("ii", 1, 0)  # SO_LINGER, socket(7)


class _Plain(BaseProtocol):
    """Sets no option of the socket: the event loop has set TCP_NODELAY, and aiohttp would do it again."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)


class Connection(web.RequestHandler, _Plain):
    """One client's connection, for every route.

    A client that takes no written data for ``patience_s`` (at most an eighth more) counts as gone: the connection is
    ended. That holds for every answer, small or large, on TCP and on a unix socket. A WebSocket, which also knows
    pings, has a check of its own.

    Attributes:
        is_handed_over: Whether another protocol has the transport now.
    """

    __slots__ = ("_answered", "_look", "_patience_s", "_taken", "_took_at", "_wire", "_written", "is_handed_over")

    def __init__(self, manager: web.Server, patience_s: float, **options: Any) -> None:
        """See aiohttp for ``options``."""
        super().__init__(manager, **options)
        self.is_handed_over = False
        self._patience_s = patience_s
        self._wire: asyncio.Transport | None = None  # aiohttp forgets its own transport before all is written
        self._look: asyncio.TimerHandle | None = None
        self._answered: web.BaseRequest | None = None  # the request whose answer is being ended
        self._written = 0  # bytes of all earlier answers
        self._taken = NOTHING_TAKEN  # how much of all that was taken at the last look
        self._took_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See ``asyncio.Protocol``."""
        self._wire = None
        if self._look is not None:
            self._look.cancel()
        # An exception in the future would keep the frames that it passes, and these the future. Everything that was
        # being written would hang on that cycle until the next collection.
        waiter, self._drain_waiter = self._drain_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        super().connection_lost(exc)

    async def _drain_helper(self) -> None:
        await super()._drain_helper()
        if self.transport is None:
            raise ClientConnectionResetError("Connection lost")

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        super().pause_writing()
        self._watch()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """See aiohttp."""
        self._answered = request
        finished = await super().finish_response(request, resp, start_time)
        self._answered = None
        self._written += request.writer.output_size
        self._watch()  # the answer may lie in a buffer
        return finished

    def _watch(self) -> None:
        if self._look is None and self._wire is not None and not self.is_handed_over:
            self._look = self._loop.call_later(self._patience_s / LOOKS, self._look_for_client)

    def _look_for_client(self) -> None:
        self._look = None
        wire = self._wire
        if wire is None or self.is_handed_over:
            return
        buffered = wire.get_write_buffer_size()
        untaken = buffered if wire.is_closing() else untaken_bytes(wire)
        if not untaken:
            self._taken = NOTHING_TAKEN
            return
        request = self._answered or self._current_request
        written = self._written + (0 if request is None else request.writer.output_size)
        taken = written - untaken
        # The kernel counts a unix socket's queue with its own overhead for each write. So each write makes it look as
        # if the client had taken less. Once the queue is full, and more waits here, only the client changes it.
        is_unix = wire.get_extra_info("socket").family == socket.AF_UNIX
        took = taken > self._taken or (is_unix and not buffered and taken != self._taken)
        self._taken = taken
        now = self._loop.time()
        if took:
            self._took_at = now
        elif now - self._took_at >= self._patience_s:
            # On TCP a reset: data that lies in the kernel is dropped, too.
            wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
            wire.abort()
            return
        self._watch()
