"""A WebSocket connection for every route: limited, watched, and with an end to every wait."""

import asyncio
import codecs
import contextlib
import weakref
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, hdrs, web

from interpreterd.http.closing import INVALID_TEXT, MESSAGE_TOO_BIG, NORMAL, PROTOCOL_ERROR, Closing, close_reason
from interpreterd.http.connections import let_go, linger, set_waiting
from interpreterd.http.decoding import SMALL_BYTES
from interpreterd.http.disconnect import untaken_bytes
from interpreterd.http.keys import SETTINGS
from interpreterd.http.lingering import LINGER_S
from interpreterd.model.errors import BodyTooLarge, MalformedRequest, UpgradeRequired

RECEIVED_AT_ONCE: Final = 32  # messages and pings, some two milliseconds
CONTROL_HEAD_BYTES: Final = 6  # of a client's frame: RFC 6455, section 5.2
CLOSE_TIMEOUT_S: Final = 5.0  # for a client that has taken everything to answer the close


class Socket(web.WebSocketResponse):
    """aiohttp's WebSocket, with a heartbeat of its own, another way to close, and a reason for each close.

    aiohttp's heartbeat leaves a timer that keeps the connection for as long as the client may be silent. Its ``close``,
    called while another task receives, does not wait for the client's answer (RFC 6455, 7.1.1) and ends the connection
    at once. Any later data of the client, even a ping, then makes the kernel reset the connection and drop data on its
    way to a slow client. ``finish`` waits.

    Attributes:
        closes: Whether the daemon has begun to close it.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        limit_bytes: int,
        protocols: tuple[str, ...],
        patience_s: float,
        asks: bool = True,
    ) -> None:
        """Refuse messages beyond ``limit_bytes``; echo the first of ``protocols``.

        Unless the client ``asks`` for something, it need not send any message.

        A client that answers no ping, or takes no data written before the close, for ``patience_s``, counts as gone.
        """
        super().__init__(
            max_msg_size=limit_bytes + 1,  # aiohttp refuses at its limit, not beyond it
            protocols=protocols,
            compress=False,
            timeout=CLOSE_TIMEOUT_S,
            autoclose=False,
            autoping=False,
            decode_text=False,
        )
        self._asks = asks
        self._received = 0
        self._in_hand = 0  # bytes of the message that is being processed
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._transport = transport
        self._heard_at = 0.0
        self._untaken = 0
        self._look: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None
        # Done when the client has answered the daemon's close, or has gone.
        self._answered: asyncio.Future[None] | None = None

    @property
    def closes(self) -> bool:
        return self._answered is not None

    async def prepare(self, request: web.BaseRequest) -> Any:
        """See aiohttp."""
        writer = await super().prepare(request)
        if self._look is None:  # aiohttp calls prepare once more for the response of a handler
            if self._asks:
                set_waiting(request, True)
            self._heard_at = asyncio.get_running_loop().time()
            self._look_after(self._patience_s / 1.5)
        return writer

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 -- aiohttp's signature
        """See aiohttp. Answers pings; after invalid data the connection is closed."""
        if self._in_hand:
            self._let_go(self._in_hand, ends_message=True)
            self._in_hand = 0
        while True:
            self._received += 1
            # Thousands may have arrived already: other tasks have their turn.
            if self._received % RECEIVED_AT_ONCE == 0:
                await asyncio.sleep(0)
            message = await super().receive(timeout)
            self._heard_at = asyncio.get_running_loop().time()
            if message.type is WSMsgType.TEXT and not (message.data.isascii() or await _is_utf8(message.data)):
                await self.close(code=INVALID_TEXT)
                return WSMessage(WSMsgType.ERROR, None, None)
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                if self._asks and self._req is not None:
                    self._asks = False
                    set_waiting(self._req, False)
                self._in_hand = len(message.data)
                return message
            if message.type not in (WSMsgType.PING, WSMsgType.PONG):
                break
            self._let_go(len(message.data) + CONTROL_HEAD_BYTES, ends_message=False)
            if message.type is WSMsgType.PING:
                await self.pong(message.data)
        if self._answered is None:
            self._look_no_more()
            await super().close(drain=False)
            self._exception = None  # see ``close``
        elif not self._answered.done():
            self._answered.set_result(None)
        return message

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """See aiohttp. Only for the task that receives."""
        if self._answered is not None:
            return False
        self._look_no_more()
        # aiohttp gives no reason: it has read data that it refuses, and reads no further.
        refused = code in (PROTOCOL_ERROR, INVALID_TEXT, MESSAGE_TOO_BIG) and not message
        if code == MESSAGE_TOO_BIG and not message:
            message = close_reason(str(BodyTooLarge(self._limit_bytes)))
        abort = self._abort_after(max(self._patience_s, LINGER_S))
        try:
            if refused and self._req is not None and self._writer is not None:
                self._set_closed()
                await self._writer.close(code, message)
                await linger(self._req)
                self._transport.close()
                return True
            return await super().close(code=code, message=message, drain=drain)
        finally:
            abort.cancel()
            self._exception = None  # its traceback holds this object: a cycle

    async def finish(self, how: Closing = NORMAL, *, last: bytes | None = None) -> None:
        """Close while another task receives: send ``last``, a text, and the close; wait for the client's answer.

        Both are one write, which wakes the client once. If the client has already gone, nothing happens.
        """
        if self.closed or self._answered is not None or self._transport.is_closing():
            return
        self._look_no_more()
        self._answered = asyncio.get_running_loop().create_future()
        self._wait_for_answer(before=0, stalled_s=0)
        end = _frame(WSMsgType.CLOSE, how.code.to_bytes(2, "big") + how.reason)
        try:
            self._transport.write(end if last is None else _frame(WSMsgType.TEXT, last) + end)
            await self._answered
        finally:
            self._look_no_more()
            self._transport.close()

    def let_go(self) -> None:
        """The client has gone: do not wait for it to take sent data."""
        self._look_no_more()
        self._abort_after(CLOSE_TIMEOUT_S)

    def _let_go(self, size: int, *, ends_message: bool) -> None:
        if self._req is not None:
            let_go(self._req, size, ends_message=ends_message)

    def _look_after(self, after_s: float) -> None:
        self._look = asyncio.get_running_loop().call_later(after_s, self._look_for_client)

    def _look_for_client(self) -> None:
        """Ping a client that has been silent for two thirds of the patience; end a connection that stays silent.

        If the client is behind but has taken some waiting data, that is its sign of life: a ping would wait, too.
        """
        now = asyncio.get_running_loop().time()
        untaken, before = untaken_bytes(self._transport), self._untaken
        self._untaken = untaken
        if untaken != before:
            self._heard_at = now
        silent_s = now - self._heard_at
        if silent_s >= self._patience_s:
            self._transport.abort()
        elif silent_s >= self._patience_s / 1.5:
            if not self._transport.get_write_buffer_size():
                self._pinging = asyncio.create_task(self._ping())
            self._look_after(self._patience_s - silent_s)
        else:
            self._look_after(self._patience_s / 1.5 - silent_s)

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()

    async def _ping(self) -> None:
        with contextlib.suppress(ConnectionError):  # the receiver sees it too
            await self.ping()

    def _wait_for_answer(self, before: int, stalled_s: float) -> None:
        """Look again later, and then end the connection if the client has taken everything, or nothing for too long."""

        def look() -> None:
            untaken = untaken_bytes(self._transport)
            stalled = stalled_s + CLOSE_TIMEOUT_S if untaken == before else 0
            if not untaken or stalled >= self._patience_s:
                self._transport.abort()
            else:
                self._wait_for_answer(untaken, stalled)

        self._look = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, look)

    def _abort_after(self, after_s: float) -> asyncio.TimerHandle:
        # Only the connection is waited for: this object, and all that hangs on it, need not stay so long.
        return asyncio.get_running_loop().call_later(after_s, _abort, weakref.ref(self._transport))


async def _is_utf8(data: bytes) -> bool:
    """Return whether ``data`` is UTF-8; other tasks have their turn during the check."""
    if len(data) <= SMALL_BYTES:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(SMALL_BYTES, len(data), SMALL_BYTES):
            decoder.decode(data[start - SMALL_BYTES : start])
            await asyncio.sleep(0)
        decoder.decode(data[(len(data) - 1) // SMALL_BYTES * SMALL_BYTES :], final=True)
    except UnicodeDecodeError:
        return False
    return True


def _frame(kind: WSMsgType, payload: bytes) -> bytes:
    """Return a whole message of a server: RFC 6455, 5.2."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | kind, size)) + payload
    if size < 1 << 16:
        return bytes((0x80 | kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | kind, 127)) + size.to_bytes(8, "big") + payload


def _abort(transport: "weakref.ref[asyncio.Transport]") -> None:
    if (there := transport()) is not None:
        there.abort()


async def open_socket(request: web.Request, *, asks: bool = True, subprotocol: str | None = None) -> Socket:
    """Return the client's WebSocket. Unless the client ``asks`` for something, it need not send any message.

    Raises:
        UpgradeRequired: The request is not that of a WebSocket.
        MalformedRequest: A header has an impossible value.
    """
    for name in (hdrs.UPGRADE, hdrs.SEC_WEBSOCKET_KEY, hdrs.SEC_WEBSOCKET_PROTOCOL):
        if not request.headers.get(name, "").isascii():
            raise MalformedRequest(f"{name} must be ASCII")
    settings = request.app[SETTINGS]
    protocols: tuple[str, ...] = ()
    if subprotocol is not None and (offered := request.headers.get("Sec-WebSocket-Protocol")):
        protocols = tuple(name for name in map(str.strip, offered.split(",")) if name.startswith(subprotocol))
    if request.transport is None:
        raise ConnectionResetError("the client has gone")
    socket = Socket(
        request.transport,
        limit_bytes=settings.body_limit_bytes,
        protocols=protocols,
        patience_s=settings.heartbeat_s,
        asks=asks,
    )
    try:
        await socket.prepare(request)
    except web.HTTPBadRequest:
        raise UpgradeRequired from None
    return socket
