"""The connections of clients: how many may be open, and how long the daemon waits for each.

The daemon waits for a client before and between requests, during a head or a body, on a WebSocket before the first
message, and when it reads on after a refusal. If there are too many connections, the one that has waited longest is
closed. If none waits, a new connection gets an answer to ``/health``, and an error for every other request.
"""

import asyncio
import contextlib
import functools
import itertools
import logging
import resource
import socket
from collections.abc import Callable, Iterator
from typing import Final, cast

from aiohttp import web

from interpreterd.http.errors import SHOW, Show
from interpreterd.http.incoming import IncomingConnection
from interpreterd.http.keys import JUDGE, SETTINGS, Judge
from interpreterd.http.settings import HttpSettings
from interpreterd.setting_kinds import MIB

CONNECTIONS_SHARE: Final = 2  # a half of all descriptors; the other half is for the daemon itself and its workers
_SPARE: Final = 32  # the last descriptors, for requests of ``/health``; see also ``pipes.FDS_FOR_CLIENTS``
_SPARE_SHARE: Final = 8  # the share of a small limit
HELD_S: Final = 0.2
HELD_REQUESTS: Final = 16  # the number of requests of the largest size that may be received at the same time
_LOG_PERIOD_S: Final = 60.0
_log = logging.getLogger(__name__)


class Runner(web.AppRunner):
    """Serves the application on connections of this daemon's kind; aiohttp has no option for that."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = Connections
        cast("Connections", server).set_up(self.app[SETTINGS], self.app[SHOW], self.app.get(JUDGE))
        return server


class Connections(web.Server):
    """All connections of one daemon. It is the protocol factory of a listening socket: a call makes a connection."""

    def set_up(self, settings: HttpSettings, show: Show, judge: Judge | None = None) -> None:
        """Begin with none. What is wrong with one is told as ``show`` has it; ``judge`` says who is refused."""
        self.show = show
        self._judge = judge
        self._settings = settings
        self._options = self._kwargs | {
            "auto_decompress": False,
            "keepalive_timeout": settings.keep_alive_s,
            "lingering_time": 0,  # the connection itself lingers
            "tcp_keepalive": False,  # every connection has clocks of its own
        }
        self._descriptors = _descriptors()
        self._held_limit_bytes = max(HELD_REQUESTS * settings.body_limit_bytes, MIB)
        self._open: set[IncomingConnection] = set()
        self._waiting: dict[IncomingConnection, float] = {}  # since when; the one that has waited longest is first
        # Until when each head must have arrived; the earliest is first.
        self._heads: dict[IncomingConnection, float] = {}
        self._held = 0
        self._due: asyncio.TimerHandle | None = None
        self._told_at = -_LOG_PERIOD_S
        self._unused_since = self._loop.time()
        self.leaving = False  # whether another daemon has the addresses: each answer ends its connection

    def __call__(self) -> IncomingConnection:
        return IncomingConnection(self, self, self._settings.heartbeat_s, loop=self._loop, **self._options)

    @property
    def limit(self) -> int:
        """The limit of open connections."""
        return max(1, min(self._settings.max_connections, self._descriptors // CONNECTIONS_SHARE))

    @property
    def unused_since(self) -> float | None:
        """Since when no connection is open, in the loop's time; None if one is."""
        return None if self._open else self._unused_since

    def end_unused(self) -> None:
        """End all connections that are between two requests."""
        for connection in list(self._waiting):
            connection.end_unused()

    def opened(self, connection: IncomingConnection, sock: socket.socket) -> None:
        """A connection has been opened."""
        self._open.add(connection)
        fd = sock.fileno()
        if self._judge is not None:
            connection.refusal = self._judge(sock)
        is_spare = fd >= self._descriptors - min(_SPARE, self._descriptors // _SPARE_SHARE)
        if is_spare or len(self._open) > self.limit:
            self._make_room(connection)
        self.begins_head(connection)

    def closed(self, connection: IncomingConnection) -> None:
        """A connection has been closed."""
        self._open.discard(connection)
        self._unused_since = self._loop.time()
        self.works(connection)

    def begins_head(self, connection: IncomingConnection) -> None:
        """From now on, the head of a request must arrive in time."""
        self.waits(connection)
        self._heads[connection] = due = self._loop.time() + self._settings.head_timeout_s
        if self._due is None:
            self._due = self._loop.call_at(due, self._end_late_heads)

    def waits(self, connection: IncomingConnection) -> None:
        """From now on the daemon waits for the client, unless that has gone: its answer may end later."""
        self._waiting.pop(connection, None)
        if connection in self._open:
            self._waiting[connection] = self._loop.time()

    def works(self, connection: IncomingConnection) -> None:
        """The daemon no longer waits for the client."""
        self._waiting.pop(connection, None)
        self._heads.pop(connection, None)

    def holds(self, size: int) -> bool:
        """Count received bytes that are not yet processed; return whether there is room for them."""
        self._held += size
        return self._held <= self._held_limit_bytes

    def _make_room(self, newcomer: IncomingConnection) -> None:
        longest = next(iter(self._waiting), None)
        if longest is None or longest.excess:
            newcomer.refuse()
        if (now := self._loop.time()) >= self._told_at + _LOG_PERIOD_S:
            self._told_at = now
            _log.warning(
                "%d connections are open, with %d descriptors and a limit of %d connections: each new one closes the "
                "one that has been silent longest; if none is silent, new ones get only /health",
                len(self._open),
                self._descriptors,
                self.limit,
            )
        if longest is not None:
            self.closed(longest)
            longest.abort()

    def _end_late_heads(self, *, is_sure: bool = False) -> None:
        now = self._loop.time()
        if not is_sure and any(now - due > HELD_S for due in itertools.islice(self._heads.values(), 1)):
            # The loop itself is late, and received data is not read yet.
            self._due = self._loop.call_later(HELD_S, functools.partial(self._end_late_heads, is_sure=True))
            return
        for connection, due in list(self._heads.items()):
            if due > now:
                break
            self.works(connection)
            connection.end_late_head()
        first = next(iter(self._heads.values()), None)
        self._due = None if first is None else self._loop.call_at(first, self._end_late_heads)


def set_waiting(request: web.BaseRequest, it_does: bool) -> None:
    """Say whether the daemon waits for the client of ``request`` now: its connection may then have to make room."""
    if isinstance(request.protocol, IncomingConnection):
        request.protocol.waits(it_does)


@contextlib.contextmanager
def waiting(request: web.Request) -> Iterator[None]:
    """The block waits for the client of ``request``."""
    set_waiting(request, True)
    try:
        yield
    finally:
        set_waiting(request, False)


@contextlib.contextmanager
def receiving(request: web.Request) -> Iterator[Callable[[int], None]]:
    """Give the block a function that counts the bytes of a body, and that it may keep; it raises ``LimitReached``."""
    connection = request.protocol
    held = 0

    def hold(size: int) -> None:
        nonlocal held
        if isinstance(connection, IncomingConnection):
            held += size
            connection.hold(size)

    try:
        yield hold
    finally:
        if held:
            hold(-held)


def need_both_ways(request: web.Request) -> None:
    """From now on, treat the client of ``request`` as gone when it closes its sending half."""
    if isinstance(request.protocol, IncomingConnection):
        request.protocol.need_both_ways()


async def linger(request: web.BaseRequest) -> None:
    """Read on until the refused client ends the connection; see ``IncomingConnection.linger``."""
    if isinstance(request.protocol, IncomingConnection):
        await request.protocol.linger()


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft
