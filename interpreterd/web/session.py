"""One WebSocket client and its one execution: ``GET /process/interpreter/execute``."""

import asyncio
from typing import Final

import orjson
from aiohttp import WSMsgType, web

from interpreterd.errors import BodyTooLarge, InterpreterError, InvalidRequest, MalformedRequest
from interpreterd.journal import Journal
from interpreterd.schema import Execute, Finished
from interpreterd.web.faces import MESSAGE_TOO_BIG, close_reason
from interpreterd.web.keys import MANAGER, SETTINGS
from interpreterd.web.v1 import Closing, closing, refusal, render

SDK_SUBPROTOCOL: Final = "X-Daytona-SDK-Version~"
CLOSE_TIMEOUT_S: Final = 5.0


class Socket(web.WebSocketResponse):
    """aiohttp's WebSocket, which says why when it closes for a message that is too big."""

    def __init__(self, *, limit_bytes: int, protocols: tuple[str, ...]) -> None:
        """Refuse messages beyond ``limit_bytes``; echo the first of ``protocols``."""
        super().__init__(max_msg_size=limit_bytes, protocols=protocols, compress=False, timeout=CLOSE_TIMEOUT_S)
        self._limit_bytes = limit_bytes

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """See aiohttp."""
        if code == MESSAGE_TOO_BIG and not message:
            message = close_reason(str(BodyTooLarge(self._limit_bytes)))
        return await super().close(code=code, message=message, drain=drain)


async def execute(request: web.Request) -> web.StreamResponse:
    """Serve one execution: take the first message, send the events, close."""
    settings = request.app[SETTINGS]
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    protocols = tuple(name for name in map(str.strip, offered) if name.startswith(SDK_SUBPROTOCOL))
    socket = Socket(limit_bytes=settings.body_limit_bytes, protocols=protocols)
    await socket.prepare(request)
    try:
        wish = await _first_message(socket, settings.first_message_timeout_s)
        if wish is None:
            return socket
        journal = request.app[MANAGER].get(wish.context_id).submit(wish)
    except InterpreterError as error:
        await _say(socket, *refusal(error))
        return socket
    await _serve(socket, journal)
    return socket


async def _first_message(socket: Socket, timeout_s: float) -> Execute | None:
    """Return the client's wish, or None if it went away. Raises ``InterpreterError`` for one that cannot be."""
    try:
        async with asyncio.timeout(timeout_s):
            message = await socket.receive()
    except TimeoutError:
        raise InvalidRequest(f"no first message within {timeout_s:g} s") from None
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        return None
    try:
        value = orjson.loads(message.data)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"the message must be JSON: {error}") from None
    return Execute.parse(value)


async def _serve(socket: Socket, journal: Journal) -> None:
    """Send the events of ``journal``, then close. A client that goes away leaves its execution running."""
    sender = asyncio.ensure_future(_send_events(socket, journal))
    # Somebody must always receive: aiohttp answers pings, and sees the client go, only meanwhile.
    receiver = asyncio.ensure_future(_receive_until_gone(socket))
    try:
        await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
        if not sender.done() and socket.closed and not receiver.cancelled():
            sender.cancel()
        await asyncio.wait((sender, receiver))
    finally:
        sender.cancel()
        receiver.cancel()
        journal.abandon()
    if not sender.cancelled() and (error := sender.exception()) and not isinstance(error, ConnectionError):
        raise error


async def _receive_until_gone(socket: Socket) -> None:
    while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        pass  # the contract knows one message; more are ignored


async def _send_events(socket: Socket, journal: Journal) -> None:
    async for event in journal.follow():
        messages = render(event)
        if isinstance(event, Finished):
            await _say(socket, messages, closing(event))
            return
        for message in messages:
            await socket.send_frame(message, WSMsgType.TEXT)


async def _say(socket: Socket, messages: list[bytes], end: Closing) -> None:
    for message in messages:
        await socket.send_frame(message, WSMsgType.TEXT)
    await socket.close(code=end.code, message=end.reason)
