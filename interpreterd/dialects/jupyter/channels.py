"""The WebSocket of a kernel: ``GET /api/kernels/{id}/channels?session_id=``."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web

from interpreterd.background import supervised
from interpreterd.dialects.jupyter.envelope import parse_incoming
from interpreterd.dialects.jupyter.errors import closing_after
from interpreterd.dialects.jupyter.hub import Hub
from interpreterd.dialects.jupyter.kernel import JupyterKernel
from interpreterd.dialects.jupyter.messages import status
from interpreterd.dialects.jupyter.session import Session
from interpreterd.dialects.jupyter.shell import answer
from interpreterd.dialects.jupyter.wire import V1, Wire, wire_of
from interpreterd.http.farewells import FAREWELLS
from interpreterd.http.websocket.connection import FAILED, WebSocket
from interpreterd.http.websocket.frames import Message
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.errors import (
    ContextDeleted,
    ContextNotFound,
    InterpreterError,
    InvalidRequest,
    ServerShuttingDown,
    UpgradeRequired,
)
from interpreterd.monitoring.happenings import tell_refusal

SESSION_ID_LIMIT_CHARS: Final = 200
_FAREWELL_LIMIT_S: Final = 1.0
_log = logging.getLogger(__name__)


async def channels(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Serve one connection of a client: take its messages, tell it what happens, until one of them ends it."""
    if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
        raise UpgradeRequired
    session_id = request.query.get("session_id", "")
    if len(session_id) > SESSION_ID_LIMIT_CHARS:
        raise InvalidRequest(f"session_id must be at most {SESSION_ID_LIMIT_CHARS} characters long")
    info = await hub.service.get(request.match_info["id"])
    offers = ",".join(request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []))
    is_v1 = any(offer.strip() == V1 for offer in offers.split(","))
    kernel = hub.kernel(info.id)
    session = hub.session(kernel, session_id)
    try:
        socket = open_socket(request, subprotocol=V1 if is_v1 else None)
        connection = _Connection(hub, kernel, session, socket, wire_of(V1.encode() if is_v1 else None))
        farewells = request.app[FAREWELLS]
        farewells.add(connection.say_farewell)
        try:
            await connection.serve(is_dead=info.state == "dead")
        finally:
            farewells.discard(connection.say_farewell)
            await socket.leave()
    finally:
        hub.has_gone(kernel, session, for_good=not session_id)
    return UPGRADED


class _Connection:
    """One WebSocket of a client."""

    def __init__(self, hub: Hub, kernel: JupyterKernel, session: Session, socket: WebSocket, wire: Wire) -> None:
        self._hub = hub
        self._kernel = kernel
        self._session = session
        self._socket = socket
        self._wire = wire

    async def serve(self, *, is_dead: bool) -> None:
        """Take messages until the connection ends, and tell what happens. A kernel that ``is_dead`` is revived."""
        try:
            await self._session.attach(self._socket, self._wire)
        except ContextNotFound:  # it was deleted while this waited for an older connection
            self._socket.finish(closing_after(ContextDeleted(self._kernel.context_id)))
            return
        if is_dead:
            self._session.begin(self._kernel.revive())
        loop = asyncio.get_running_loop()
        telling = supervised(loop, self._tell(), _log, "kernel %s could not be told", self._kernel.context_id)
        try:
            receive: Callable[[], Awaitable[Message | None]] = self._socket.receive_first
            while (message := await receive()) is not None:
                value, buffers = await self._wire.decode(message)
                del message  # it may be large
                await answer(self._kernel, self._session, parse_incoming(value, buffers))
                receive = self._socket.receive
        except InterpreterError as error:
            tell_refusal(error)
            self._socket.finish(closing_after(error))
        except ConnectionError:
            pass
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            self._session.detach(self._socket)

    async def say_farewell(self) -> None:
        """The daemon ends: so does this connection; a client that does not answer the close is left behind."""
        self._socket.finish(closing_after(ServerShuttingDown()))
        await asyncio.wait([self._socket.ended], timeout=_FAREWELL_LIMIT_S)

    async def _tell(self) -> None:
        """Tell everything that happens; close the connection after the end of the kernel."""
        with contextlib.suppress(ConnectionError):
            try:
                await self._session.follow()
            except Exception:
                self._socket.finish(FAILED)
                raise
            if not self._hub.service.closing:
                self._hub.ended(self._kernel)
                await self._session.tell(status("dead"))
                self._socket.finish(closing_after(ContextDeleted(self._kernel.context_id)))
