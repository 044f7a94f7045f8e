"""Incoming data of a connection: deadlines, refusals in a dialect's form, and ends whose reason the client sees.

This relies on a few undocumented methods and attributes of aiohttp; tests show when they change.
"""

import asyncio
import contextlib
import enum
import logging
import socket
from http import HTTPStatus
from typing import Any, Final, Protocol

import attrs
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from interpreterd.http.connection import Connection
from interpreterd.http.disconnect import has_closed, probe
from interpreterd.http.errors import INTERNAL, LATE_HEAD, HttpError, Show, of_status
from interpreterd.http.lingering import LINGER_BYTES, LINGER_S, Lingering
from interpreterd.model.errors import LimitReached
from interpreterd.model.names import HEALTH_PATHS

LOOK_PERIOD_S: Final = 1.0
_log = logging.getLogger(__name__)


class _Phase(enum.Enum):
    """The phase of a connection."""

    IDLE = enum.auto()  # nothing of a request has come
    HEAD = enum.auto()
    REQUEST = enum.auto()  # from its whole head to the end of its answer


class Registry(Protocol):
    """The register of all connections; see ``connections.Connections``."""

    @property
    def limit(self) -> int: ...

    show: Show
    leaving: bool

    def opened(self, connection: "IncomingConnection", sock: socket.socket) -> None: ...
    def closed(self, connection: "IncomingConnection") -> None: ...
    def begins_head(self, connection: "IncomingConnection") -> None: ...
    def waits(self, connection: "IncomingConnection") -> None: ...
    def works(self, connection: "IncomingConnection") -> None: ...
    def holds(self, size: int) -> bool: ...


class IncomingConnection(Connection):
    """A connection in a ``Registry``.

    Attributes:
        excess: Whether it is beyond the limit.
        refusal: Why its client may not use the daemon, if so; see ``keys.JUDGE``.
        proxied: The client's address that a trusted proxy has told by the PROXY protocol.
    """

    __slots__ = (
        "_ended",
        "_lingering",
        "_needs_both_ways",
        "_payload",
        "_phase",
        "_refused",
        "_registry",
        "_waits",
        "excess",
        "proxied",
        "refusal",
    )

    def __init__(self, registry: Registry, server: web.Server, patience_s: float, **options: Any) -> None:
        super().__init__(server, patience_s, **options)
        self.excess = False
        self.refusal: str | None = None
        self.proxied: str | None = None
        self._registry = registry
        self._phase = _Phase.IDLE
        self._waits = False  # waits for the client, within a request
        self._ended = False  # the client has closed its sending half, and waits for its answer
        self._needs_both_ways = False
        self._refused = False  # the received data is not HTTP
        self._payload: StreamReader | None = None  # the body of the last received request
        self._lingering: Lingering | None = None

    def refuse(self) -> None:
        """Answer only ``HEALTH_PATHS``: this connection is beyond the limit."""
        self.excess, served = True, self._request_handler

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            if request.path.endswith(HEALTH_PATHS) and served is not None:
                return await served(request)
            why = f"too many connections: the limit is {self._registry.limit}"
            return self._registry.show(LimitReached(why)).response()

        self._request_handler = answer

    def waits(self, it_does: bool) -> None:
        """Say whether the daemon waits for the client now, within its request."""
        self._waits = it_does
        (self._registry.waits if it_does else self._registry.works)(self)

    def need_both_ways(self) -> None:
        """Until its answer has ended, the client counts as gone when it closes its sending half."""
        self._needs_both_ways = True
        if self._ended:
            self.abort()

    def hold(self, size: int) -> None:
        """Count bytes of a body that are kept, or released if negative. Raises ``LimitReached``."""
        if not self._registry.holds(size) and size > 0:
            raise LimitReached("too many large requests at the same time")

    @property
    def is_upgraded(self) -> bool:
        """Whether the current request asks for another protocol: what comes after it is not HTTP."""
        return self._upgraded

    def hand_over(self, successor: asyncio.Protocol) -> bytes:
        """Give the transport to ``successor``, and return what has come for it already. The caller has answered.

        ``successor`` passes the end on. The handler of the request ends after it, and what it returns is not written.
        """
        assert self.transport is not None
        self.is_handed_over = True
        self.transport.set_protocol(successor)
        if self._buffer_paused:  # much has come already
            self.transport.resume_reading()
        early, self._message_tail = self._message_tail, b""
        return early

    def abort(self) -> None:
        """End the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def end_unused(self) -> None:
        """End the connection if it is between two requests."""
        if self._phase is _Phase.IDLE:
            self.close()

    def end_late_head(self) -> None:
        """End the connection, as the head of a request is late; answer with an error if the head has begun."""
        if self._phase is _Phase.HEAD and self.transport is not None:
            self.transport.write(self._registry.show(LATE_HEAD).encoded())
        self.force_close()

    async def linger(self) -> None:
        """Read and drop data until the client ends the connection, within ``LINGER_S`` and ``LINGER_BYTES``.

        For a client that writes before it reads: if a connection is closed with unread bytes, the kernel resets it, and
        the client may lose the answer.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or self._ended:
            return
        self._lingering = lingering = Lingering(self._loop)
        with contextlib.suppress(OSError, RuntimeError):  # the connection has just ended
            transport.write_eof()
        transport.resume_reading()
        self._registry.waits(self)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                await lingering.ended
        self._registry.works(self)

    # asyncio.Protocol and aiohttp

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See aiohttp."""
        super().connection_made(transport)
        self.keep_alive(True)  # stops aiohttp's clock: the registry's clock counts until a head has arrived
        self._registry.opened(self, transport.get_extra_info("socket"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """See aiohttp."""
        self._registry.closed(self)
        if self._lingering is not None:
            self._lingering.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See aiohttp, which also calls it without data, to continue with data that it has kept."""
        if self._lingering is not None:
            self._lingering.drop(len(data))
            return
        if self._phase is _Phase.REQUEST:
            if self._waits:
                self._registry.waits(self)
            super().data_received(data)
            if self._messages:
                self._payload = self._messages[-1][1]
            return
        super().data_received(data)
        if self._messages:
            self._phase = _Phase.REQUEST
            self._payload = self._messages[-1][1]
            self._registry.works(self)
        elif data and self._phase is _Phase.IDLE:
            self._phase = _Phase.HEAD
            self.keep_alive(True)
            if self._request_count:
                self._registry.begins_head(self)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Stay open for a client that has sent everything, and waits for the answer."""
        if self._lingering is not None:
            self._lingering.end()
            return None
        transport = self.transport
        waits = self._phase is _Phase.REQUEST and not (self._upgraded or self._needs_both_ways)
        if not waits or transport is None or not transport.can_write_eof() or has_closed(transport):
            return None  # TLS closes both ways at once
        self._ended = True
        self._registry.waits(self)  # as far as is known
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(web.RequestPayloadError("its end is missing"))
        probe(transport.get_extra_info("socket"))
        self._look_whether_gone()
        return True

    def _look_whether_gone(self) -> None:
        """Check from time to time whether the client has closed both ways: no data arrives that would show it."""
        if self.transport is None or self.transport.is_closing():  # all data is written: see ``Connection``
            return
        if has_closed(self.transport):
            self.abort()
        else:
            self._loop.call_later(LOOK_PERIOD_S, self._look_whether_gone)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """See aiohttp."""
        if self.is_handed_over:
            self._close = True
            return resp, False
        # Raised before any middleware.
        if isinstance(resp, web.HTTPException) and resp.status >= HTTPStatus.BAD_REQUEST:
            resp = self._registry.show(of_status(resp.status, resp.reason)).response()
        if self._registry.leaving:
            resp.force_close()
        resp, reset = await super().finish_response(request, resp, start_time)
        if self._refused:
            self._close = True
            await self.linger()
        elif not request.content.is_eof():
            await self._drop_rest(request, resp)
        self._needs_both_ways = False
        if not self._messages:
            self._payload = None
        if self.excess or (self._ended and not self._messages):
            self.close()
        elif not self._messages and resp.keep_alive:
            self._phase = _Phase.IDLE
            self._registry.waits(self)
        return resp, reset

    async def _drop_rest(self, request: web.BaseRequest, resp: web.StreamResponse) -> None:
        """Read and drop the rest of a body: see ``linger``. If it arrives in time, the connection goes on."""
        left = LINGER_BYTES if resp.status != HTTPStatus.REQUEST_TIMEOUT else 0
        self.waits(True)
        with contextlib.suppress(TimeoutError, ConnectionError, web.RequestPayloadError):
            async with asyncio.timeout(LINGER_S):
                while left > 0 and not request.content.at_eof():
                    left -= len(await request.content.readany())
        self.waits(False)
        if not request.content.is_eof():
            self.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See aiohttp: answers data that is not HTTP, and errors that a handler did not expect."""
        if isinstance(exc, ConnectionError):
            raise exc
        if request.writer.output_size > 0:
            _log.error("an answer was cut short", exc_info=exc)
            raise ConnectionError("the answer has begun")
        if isinstance(exc, HttpProcessingError):
            self._refused = True
            first = (message or "").strip().partition("\n")[0].rstrip(":")
            refusal = HttpError(status, "malformed_request", f"The request is not valid HTTP: {first}")
        elif isinstance(exc, UnicodeEncodeError):  # aiohttp had to repeat a header
            refusal = HttpError(HTTPStatus.BAD_REQUEST, "malformed_request", "A header is not UTF-8")
        else:
            _log.error("%s %s failed", request.method, request.path, exc_info=exc)
            refusal = attrs.evolve(INTERNAL, status=status)
        response = self._registry.show(refusal).response()
        response.force_close()
        return response
