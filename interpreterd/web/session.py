"""One WebSocket client and its one execution: ``GET /process/interpreter/execute``."""

import asyncio
import fcntl
import sys
import termios
from typing import Any, Final

from aiohttp import WSMsgType, web

from interpreterd.errors import (
    BodyTooLarge,
    InterpreterError,
    InvalidRequest,
    ServerShuttingDown,
    UpgradeRequired,
)
from interpreterd.journal import Journal
from interpreterd.schema import Execute, Finished, decode_json
from interpreterd.web.faces import MESSAGE_TOO_BIG, close_reason
from interpreterd.web.keys import MANAGER, SETTINGS, SILENT
from interpreterd.web.v1 import Closing, closing, refusal, render

SDK_SUBPROTOCOL: Final = "X-Daytona-SDK-Version~"
CLOSE_TIMEOUT_S: Final = 5.0  # for a client that has taken everything to answer the close
STALL_LIMIT_S: Final = 60.0  # for a client to take something more of what was written before the close


class Socket(web.WebSocketResponse):
    """aiohttp's WebSocket, which says why when it closes for a message that is too big, and closes with patience.

    aiohttp's own ``close``, called while another task receives, does not wait for the client's answer (RFC 6455, 7.1.1)
    and ends the connection at once. Whatever the client sends then, be it a ping, makes the kernel reset the connection
    and drop what is still on its way to a slow client.
    """

    def __init__(self, transport: asyncio.Transport, *, limit_bytes: int, protocols: tuple[str, ...]) -> None:
        """Refuse messages beyond ``limit_bytes``; echo the first of ``protocols``."""
        # aiohttp refuses from its limit on, not beyond it.
        super().__init__(
            max_msg_size=limit_bytes + 1, protocols=protocols, compress=False, timeout=CLOSE_TIMEOUT_S, autoclose=False
        )
        self._limit_bytes = limit_bytes
        self._transport = transport
        self._receiver: asyncio.Task[Any] | None = None
        self._answered: asyncio.Future[None] | None = None  # the daemon's close, by the client's or its end

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 -- aiohttp's
        """See aiohttp."""
        self._receiver = asyncio.current_task()
        try:
            message = await super().receive(timeout)
        finally:
            self._receiver = None
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            return message
        if self._answered is None:
            await super().close(drain=False)
        elif not self._answered.done():
            self._answered.set_result(None)
        return message

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """See aiohttp."""
        if self._answered is not None:
            return False
        if code == MESSAGE_TOO_BIG and not message:
            message = close_reason(str(BodyTooLarge(self._limit_bytes)))
        if self._receiver in (None, asyncio.current_task()):
            return await super().close(code=code, message=message, drain=drain)
        self._answered = asyncio.get_running_loop().create_future()
        self._wait_on(before=0, stalled_s=0)
        try:
            await self.send_frame(code.to_bytes(2, "big") + message, WSMsgType.CLOSE)
            await self._answered
        finally:
            self._watch.cancel()
            self._transport.close()
        return True

    def _wait_on(self, before: int, stalled_s: float) -> None:
        """Look again in a while, and then end the connection if the client has taken all, or nothing for too long."""

        def look() -> None:
            untaken = _untaken_bytes(self._transport)
            stalled = stalled_s + CLOSE_TIMEOUT_S if untaken == before else 0
            if not untaken or stalled >= STALL_LIMIT_S:
                self._transport.abort()
            else:
                self._wait_on(untaken, stalled)

        self._watch = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, look)


def _untaken_bytes(transport: asyncio.Transport) -> int:
    """Return how much of what was written has not reached the client's machine: with SIOCOUTQ, tcp(7)."""
    if transport.is_closing():  # and its descriptor perhaps another one's
        return 0
    fd = transport.get_extra_info("socket").fileno()
    in_kernel = int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder)
    return transport.get_write_buffer_size() + in_kernel


async def open_socket(request: web.Request) -> Socket:
    """Return the connection that the client asks for. Raises ``UpgradeRequired``."""
    settings = request.app[SETTINGS]
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    protocols = tuple(name for name in map(str.strip, offered) if name.startswith(SDK_SUBPROTOCOL))
    assert request.transport is not None
    socket = Socket(request.transport, limit_bytes=settings.body_limit_bytes, protocols=protocols)
    if not socket.can_prepare(request):
        raise UpgradeRequired
    await socket.prepare(request)
    return socket


async def execute(request: web.Request) -> web.StreamResponse:
    """Serve one execution: take the first message, send the events, close."""
    socket = await open_socket(request)
    try:
        wish = await _first_message(request.app, socket)
        if wish is None:
            return socket
        journal = request.app[MANAGER].get(wish.context_id).submit(wish)
    except InterpreterError as error:
        await _say(socket, *refusal(error))
        return socket
    await _serve(socket, journal)
    return socket


async def dismiss_silent(app: web.Application) -> None:
    """Wait no longer for clients that have not said anything; for ``Application.on_shutdown``."""
    for timeout in app[SILENT]:
        if not timeout.expired():
            timeout.reschedule(asyncio.get_running_loop().time())


async def _first_message(app: web.Application, socket: Socket) -> Execute | None:
    """Return the client's wish, or None if it went away. Raises ``InterpreterError`` for one that cannot be."""
    timeout_s = app[SETTINGS].first_message_timeout_s
    timeout = asyncio.timeout(timeout_s)
    try:
        async with timeout:
            app[SILENT].add(timeout)
            message = await socket.receive()
    except TimeoutError:
        if app[MANAGER].closing:
            raise ServerShuttingDown from None
        raise InvalidRequest(f"no first message within {timeout_s:g} s") from None
    finally:
        app[SILENT].discard(timeout)
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        return None
    return Execute.parse(decode_json(message.data, "the message"))


async def _serve(socket: Socket, journal: Journal) -> None:
    """Send the events of ``journal``, then close. A client that goes away leaves its execution running."""
    # Somebody must always receive: aiohttp answers pings, and sees the client go, only meanwhile.
    receiver = asyncio.create_task(_receive_until_gone(socket, journal))
    try:
        async for event in journal.follow():
            messages = render(event)
            if isinstance(event, Finished):
                await _say(socket, messages, closing(event))
                break
            for message in messages:
                await socket.send_frame(message, WSMsgType.TEXT)
    except ConnectionError:  # the client has gone in the middle of a message
        pass
    finally:
        journal.abandon()
        receiver.cancel()


async def _receive_until_gone(socket: Socket, journal: Journal) -> None:
    """Receive until the connection ends; if it was the client that ended it, abandon ``journal``."""
    while True:
        message = await socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):  # the contract knows one message; more are ignored
            break
    if message.type is not WSMsgType.CLOSING:  # the daemon's own close goes on
        journal.abandon()


async def _say(socket: Socket, messages: list[bytes], end: Closing) -> None:
    for message in messages:
        await socket.send_frame(message, WSMsgType.TEXT)
    await socket.close(code=end.code, message=end.reason)
