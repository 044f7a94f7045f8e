"""A client's connection: aiohttp's, which here has an end to its patience, and keeps nothing of what was lost."""

import asyncio
from typing import Any, Final, cast

from aiohttp import ClientConnectionResetError, web

from interpreterd.web.hangup import untaken_bytes

LOOKS: Final = 8  # at what a client takes, within its patience


class Connection(web.RequestHandler):
    """One client's connection, whatever it asks for.

    A client that takes nothing of what was written to it for ``patience_s`` (at most an eighth more) has gone: the
    connection is ended. That holds for every answer, small or large, on TCP and on a unix socket. A WebSocket, which
    also knows pings, looks after itself: see ``sockets.Socket``.
    """

    __slots__ = ("_look", "_patience_s", "_resumed", "_seen", "_seen_at", "_wire")

    def __init__(self, manager: web.Server, patience_s: float, **options: Any) -> None:
        """See aiohttp for ``options``."""
        super().__init__(manager, **options)
        self._patience_s = patience_s
        self._wire: asyncio.Transport | None = None  # aiohttp forgets its own before all is written
        self._look: asyncio.TimerHandle | None = None
        self._resumed = 0
        self._seen: tuple[int, int] | None = None
        self._seen_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See ``asyncio.Protocol``."""
        self._wire = None
        if self._look is not None:
            self._look.cancel()
        # An exception in the future would keep the frames it passes, and these the future: a cycle, and all that was
        # being written hangs on it until the next collection.
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

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        super().resume_writing()
        self._resumed += 1

    async def finish_response(self, *answer: Any) -> tuple[web.StreamResponse, bool]:
        """See aiohttp."""
        finished = await super().finish_response(*answer)
        self._watch()  # it may lie in a buffer
        return finished

    def _watch(self) -> None:
        if self._look is None and self._wire is not None and self._payload_parser is None:
            self._look = self._loop.call_later(self._patience_s / LOOKS, self._look_for_client)

    def _look_for_client(self) -> None:
        self._look = None
        wire = self._wire
        if wire is None or self._payload_parser is not None:  # a WebSocket's
            return
        # One that closes does so when all is written.
        untaken = wire.get_write_buffer_size() if wire.is_closing() else untaken_bytes(wire)
        seen = (untaken, self._resumed)
        now = self._loop.time()
        if not untaken:
            self._seen = None
        elif seen != self._seen:
            self._seen, self._seen_at = seen, now
            self._watch()
        elif now - self._seen_at < self._patience_s:
            self._watch()
        else:
            wire.abort()
