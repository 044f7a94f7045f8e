"""One WebSocket client and its one execution: ``GET /process/interpreter/execute``."""

import asyncio
import contextlib

from aiohttp import WSMsgType, web

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import Execution
from interpreterd.contexts.journal import Follower
from interpreterd.dialects.native import wire
from interpreterd.dialects.native.errors import closing_after
from interpreterd.dialects.native.events import closing, render, render_v1
from interpreterd.dialects.native.refusals import execute_refusal
from interpreterd.http.bodies import with_digest
from interpreterd.http.decoding import decode
from interpreterd.http.keys import MANAGER, SETTINGS, SILENT
from interpreterd.http.websocket import Socket, open_socket
from interpreterd.model.errors import (
    InterpreterError,
    InvalidRequest,
    ServerShuttingDown,
)
from interpreterd.model.events import Event, Finished
from interpreterd.model.requests import Execute


async def execute(request: web.Request) -> web.StreamResponse:
    """Serve one execution: take the first message, send the events, close."""
    socket = await open_socket(request)
    try:
        wish = await _first_message(request.app, socket)
        if wish is None:
            return socket
        context, execution = request.app[MANAGER].submit(wish, answers=wish.numbered)
    except InterpreterError as error:
        if (message := execute_refusal(error)) is not None:
            await socket.send_frame(message, WSMsgType.TEXT)
        end = closing_after(error)
        await socket.close(code=end.code, message=end.reason)
        return socket
    stays, numbered = wish.stays, wish.numbered
    del wish  # its code must not be kept for as long as its client reads
    try:
        await _serve(socket, context, execution, numbered)
    finally:
        if not (stays or execution.ended):
            context.interrupt(execution.id)
    return socket


async def dismiss_silent(app: web.Application) -> None:
    """Stop waiting for clients that have not sent anything; for ``Application.on_shutdown``."""
    for timeout in app[SILENT]:
        if not timeout.expired():
            timeout.reschedule(asyncio.get_running_loop().time())


async def _first_message(app: web.Application, socket: Socket) -> Execute | None:
    """Return the client's request, or None if it disconnected. Raises ``InterpreterError`` for an invalid request."""
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
    return await with_digest(Execute.parse(await decode(message.data, "the message")))


async def _serve(socket: Socket, context: Context, execution: Execution, numbered: bool) -> None:
    """Send the events of ``execution``, then close; return when the client has disconnected, too."""
    follower = execution.journal.client
    # A task must always receive: only then aiohttp answers pings, and notices that the client disconnects.
    receiver = asyncio.create_task(_receive_until_gone(socket, follower, context, execution))
    ids = {"executionId": execution.id}
    try:
        async for number, event in follower:
            message = render(number, event, ids) if numbered else render_v1(event)
            if isinstance(event, Finished):
                await socket.finish(closing(event), last=message)
            elif message is not None:
                await socket.send_frame(message, WSMsgType.TEXT)
    except ConnectionError:  # the client has disconnected within a message
        pass
    finally:
        follower.stop()
        context.answer(execution.id, None)  # the client that might have answered has gone
        receiver.cancel()
        if not socket.closes:  # the receiver may not have started
            socket.let_go()


async def _receive_until_gone(
    socket: Socket, follower: Follower[Event], context: Context, execution: Execution
) -> None:
    """Receive until the connection ends; if the client ended it, stop following.

    Answers to ``inputRequest`` are taken. Version 1 of the contract knows only one message; all other messages are
    ignored.
    """
    while True:
        message = await socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            break
        with contextlib.suppress(InterpreterError):
            body = wire.parse_message(await decode(message.data, "the message"))
            if body.get("op") == "input":
                context.answer(execution.id, wire.parse_text(body))
    if not socket.closes:
        follower.stop()
        socket.let_go()
