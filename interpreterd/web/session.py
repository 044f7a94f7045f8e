"""One WebSocket client and its one execution: ``GET /process/interpreter/execute``."""

import asyncio
import contextlib
from typing import Final

from aiohttp import WSMsgType, web

from interpreterd.context import Context
from interpreterd.errors import (
    BodyTooLarge,
    InterpreterError,
    InvalidRequest,
    ServerShuttingDown,
    UpgradeRequired,
)
from interpreterd.executions import Execution
from interpreterd.fields import decode_json
from interpreterd.journal import Follower
from interpreterd.schema import Event, Execute, Finished
from interpreterd.web import v1, wire
from interpreterd.web.faces import MESSAGE_TOO_BIG, close_reason
from interpreterd.web.keys import MANAGER, SETTINGS, SILENT
from interpreterd.web.v1 import Closing, closing, refusal

SDK_SUBPROTOCOL: Final = "X-Daytona-SDK-Version~"
CLOSE_TIMEOUT_S: Final = 5.0


class Socket(web.WebSocketResponse):
    """aiohttp's WebSocket, which says why it closes for a message that is too big, and waits for no dead client."""

    def __init__(
        self, *, limit_bytes: int, protocols: tuple[str, ...], patience_s: float, transport: asyncio.Transport | None
    ) -> None:
        """Refuse messages beyond ``limit_bytes``; echo the first of ``protocols``.

        A client that answers no ping, or does not take its last messages, for ``patience_s`` has gone.
        """
        super().__init__(
            max_msg_size=limit_bytes + 1,  # aiohttp refuses from its limit on, not beyond it
            protocols=protocols,
            compress=False,
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=patience_s / 1.5,  # after that much silence it pings, and waits half as long again
        )
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._transport = transport

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """See aiohttp."""
        if code == MESSAGE_TOO_BIG and not message:
            message = close_reason(str(BodyTooLarge(self._limit_bytes)))
        abort = self._abort_after(self._patience_s)
        try:
            return await super().close(code=code, message=message, drain=drain)
        finally:
            abort.cancel()

    def let_go(self) -> None:
        """The client has gone: it need not take what was sent, so nobody waits for that."""
        self._abort_after(CLOSE_TIMEOUT_S)

    def _abort_after(self, after_s: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(after_s, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def open_socket(request: web.Request) -> Socket:
    """Return the connection that the client asks for. Raises ``UpgradeRequired``."""
    settings = request.app[SETTINGS]
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    protocols = tuple(name for name in map(str.strip, offered) if name.startswith(SDK_SUBPROTOCOL))
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


async def execute(request: web.Request) -> web.StreamResponse:
    """Serve one execution: take the first message, send the events, close."""
    socket = await open_socket(request)
    try:
        wish = await _first_message(request.app, socket)
        if wish is None:
            return socket
        context = request.app[MANAGER].get(wish.context_id)
        execution = context.submit(wish, answers=wish.numbered)
    except InterpreterError as error:
        messages, end = refusal(error)
        for message in messages:
            await socket.send_frame(message, WSMsgType.TEXT)
        await _close(socket, end)
        return socket
    try:
        await _serve(socket, context, execution, wish)
    finally:
        if not (wish.stays or execution.ended):
            context.interrupt(execution.id)
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


async def _serve(socket: Socket, context: Context, execution: Execution, wish: Execute) -> None:
    """Send the events of ``execution``, then close; return once the client has gone, too."""
    follower = execution.journal.client
    # Somebody must always receive: aiohttp answers pings, and sees the client go, only meanwhile.
    receiver = asyncio.create_task(_receive_until_gone(socket, follower, context, execution))
    ids = {"executionId": execution.id}
    try:
        async for number, event in follower:
            message = wire.render(number, event, ids) if wish.numbered else v1.render(event)
            if message is not None:
                await socket.send_frame(message, WSMsgType.TEXT)
            if isinstance(event, Finished):
                await _close(socket, closing(event))
    except ConnectionError:  # the client has gone in the middle of a message
        pass
    finally:
        follower.stop()
        context.answer(execution.id, None)  # whoever might have answered has gone
        receiver.cancel()


async def _receive_until_gone(
    socket: Socket, follower: Follower[Event], context: Context, execution: Execution
) -> None:
    """Receive until the connection ends; if it was the client that ended it, stop following.

    Answers to ``inputRequest`` are taken. Version 1 of the contract knows one message; whatever else comes is ignored.
    """
    while True:
        message = await socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            break
        with contextlib.suppress(InterpreterError):
            body = wire.decode(message.data)
            if body.get("op") == "input":
                context.answer(execution.id, wire.parse_text(body))
    if message.type is not WSMsgType.CLOSING:  # the daemon's own close goes on
        follower.stop()
        socket.let_go()


async def _close(socket: Socket, end: Closing) -> None:
    await socket.close(code=end.code, message=end.reason)
