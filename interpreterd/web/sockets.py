"""A WebSocket connection as every route here has it: limited, watched, and never waited for without an end."""

import asyncio
import contextlib
import weakref
from typing import Any, Final

from aiohttp import WSMsgType, web

from interpreterd.errors import BodyTooLarge, UpgradeRequired
from interpreterd.web.faces import MESSAGE_TOO_BIG, close_reason
from interpreterd.web.keys import SETTINGS

SDK_SUBPROTOCOL: Final = "X-Daytona-SDK-Version~"
CLOSE_TIMEOUT_S: Final = 5.0


class Socket(web.WebSocketResponse):
    """aiohttp's WebSocket, which says why it closes for a message that is too big, and waits for no dead client."""

    def __init__(
        self, *, limit_bytes: int, protocols: tuple[str, ...], patience_s: float, transport: asyncio.Transport
    ) -> None:
        """Refuse messages beyond ``limit_bytes``; echo the first of ``protocols``.

        A client that answers no ping, or does not take its last messages, for ``patience_s`` has gone.
        """
        super().__init__(
            max_msg_size=limit_bytes + 1,  # aiohttp refuses from its limit on, not beyond it
            protocols=protocols,
            compress=False,
            timeout=CLOSE_TIMEOUT_S,
            # Its own heartbeat leaves a timer behind that keeps the connection for as long as the client may be silent.
            autoping=False,
        )
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._transport = transport
        self._heard_at = 0.0
        self._look: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None

    async def prepare(self, request: web.BaseRequest) -> Any:
        """See aiohttp."""
        writer = await super().prepare(request)
        self._heard_at = asyncio.get_running_loop().time()
        self._look_after(self._patience_s / 1.5)
        return writer

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 -- aiohttp's signature
        """See aiohttp. Answers pings."""
        while True:
            message = await super().receive(timeout)
            self._heard_at = asyncio.get_running_loop().time()
            if message.type is WSMsgType.PING:
                await self.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return message

    def _look_after(self, after_s: float) -> None:
        self._look = asyncio.get_running_loop().call_later(after_s, self._look_for_client)

    def _look_for_client(self) -> None:
        """Ping a client that has been silent for two thirds of the patience, end one that still is at its end."""
        silent_s = asyncio.get_running_loop().time() - self._heard_at
        if silent_s >= self._patience_s:
            self._transport.abort()
        elif silent_s >= self._patience_s / 1.5:
            self._pinging = asyncio.create_task(self._ping())
            self._look_after(self._patience_s - silent_s)
        else:
            self._look_after(self._patience_s / 1.5 - silent_s)

    def _look_no_more(self) -> None:
        for waiting in (self._look, self._pinging):
            if waiting is not None:
                waiting.cancel()

    async def _ping(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever receives sees it too
            await self.ping()

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """See aiohttp."""
        if code == MESSAGE_TOO_BIG and not message:
            message = close_reason(str(BodyTooLarge(self._limit_bytes)))
        self._look_no_more()
        abort = self._abort_after(self._patience_s)
        try:
            return await super().close(code=code, message=message, drain=drain)
        finally:
            abort.cancel()

    def let_go(self) -> None:
        """The client has gone: it need not take what was sent, so nobody waits for that."""
        self._look_no_more()
        self._abort_after(CLOSE_TIMEOUT_S)

    def _abort_after(self, after_s: float) -> asyncio.TimerHandle:
        # The connection alone is waited for: this object, and all that hangs on it, need not stay so long.
        return asyncio.get_running_loop().call_later(after_s, _abort, weakref.ref(self._transport))


def _abort(transport: "weakref.ref[asyncio.Transport]") -> None:
    if (there := transport()) is not None:
        there.abort()


async def open_socket(request: web.Request) -> Socket:
    """Return the connection that the client asks for. Raises ``UpgradeRequired``."""
    settings = request.app[SETTINGS]
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    protocols = tuple(name for name in map(str.strip, offered) if name.startswith(SDK_SUBPROTOCOL))
    if request.transport is None:
        raise ConnectionResetError("the client has gone")
    socket = Socket(
        limit_bytes=settings.body_limit_bytes,
        protocols=protocols,
        patience_s=settings.heartbeat_s,
        transport=request.transport,
    )
    if not socket.can_prepare(request):
        raise UpgradeRequired
    await socket.prepare(request)
    return socket
