"""One WebSocket client and its one execution: ``GET /process/interpreter/execute``."""

import asyncio
import contextlib
from typing import Final

from aiohttp import WSMsgType, web

from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.native.errors import closing_after
from interpreterd.dialects.native.events import closing, render, render_v1
from interpreterd.dialects.native.operations import parse_message, parse_text
from interpreterd.dialects.native.refusals import execute_refusal
from interpreterd.dialects.native.requests import ExecuteMessage, parse_execute
from interpreterd.http.decoding import decode_any_size
from interpreterd.http.farewells import SILENT
from interpreterd.http.keys import SETTINGS
from interpreterd.http.websocket.connection import Socket, open_socket
from interpreterd.model.errors import InterpreterError, InvalidRequest, ServerShuttingDown
from interpreterd.model.events import Finished

SDK_SUBPROTOCOL: Final = "X-Daytona-SDK-Version~"
"""The beginning of a subprotocol that is echoed; the SDKs end it with their version."""


async def execute(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Serve one execution: take the first message, send the events, close."""
    socket = await open_socket(request, subprotocol=SDK_SUBPROTOCOL)
    try:
        asked = await _first_message(service, request.app, socket)
        if asked is None:
            return socket
        submission = await service.submit(asked.execute, answers=asked.numbered)
    except InterpreterError as error:
        if (message := execute_refusal(error)) is not None:
            await socket.send_frame(message, WSMsgType.TEXT)
        end = closing_after(error)
        await socket.close(code=end.code, message=end.reason)
        return socket
    numbered, results = asked.numbered, asked.execute.results
    del asked  # its code must not be kept for as long as its client reads
    await _serve(service, socket, submission, numbered=numbered, results=results)
    return socket


async def _first_message(service: ContextService, app: web.Application, socket: Socket) -> ExecuteMessage | None:
    """Return the client's request, or None if it disconnected. Raises ``InterpreterError`` for an invalid request."""
    timeout_s = app[SETTINGS].first_message_timeout_s
    timeout = asyncio.timeout(timeout_s)
    try:
        async with timeout:
            app[SILENT].add(timeout)
            message = await socket.receive()
    except TimeoutError:
        if service.closing:
            raise ServerShuttingDown from None
        raise InvalidRequest(f"no first message within {timeout_s:g} s") from None
    finally:
        app[SILENT].discard(timeout)
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        return None
    return parse_execute(await decode_any_size(message.data, "the message"), contract=True)


async def _serve(
    service: ContextService, socket: Socket, submission: Submission, *, numbered: bool, results: bool
) -> None:
    """Send the events of ``submission``, then close; return when the client has disconnected, too."""
    # A task must always receive: only then aiohttp answers pings, and notices that the client disconnects.
    receiver = asyncio.create_task(_receive_answers(service, socket, submission))
    ids = {"executionId": submission.execution_id}
    try:
        async for number, event in submission:
            message = render(number, event, ids) if numbered else render_v1(event, results=results)
            if isinstance(event, Finished):
                await socket.finish(closing(event), last=message)
            elif message is not None:
                await socket.send_frame(message, WSMsgType.TEXT)
    except ConnectionError:  # the client has disconnected within a message
        pass
    finally:
        submission.stop()
        receiver.cancel()
        if not socket.closes:  # the receiver may not have started
            socket.let_go()


async def _receive_answers(service: ContextService, socket: Socket, submission: Submission) -> None:
    """Receive until the connection ends; if the client ended it, stop following.

    Answers to ``inputRequest`` are taken. Version 1 of the contract knows only one message; all other messages are
    ignored.
    """
    while await _receive_answer(service, socket, submission):
        pass
    if not socket.closes:
        submission.stop()
        socket.let_go()


async def _receive_answer(service: ContextService, socket: Socket, submission: Submission) -> bool:
    """Take the next message, and free it before waiting for another one; return False if the connection has ended."""
    message = await socket.receive()
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        return False
    with contextlib.suppress(InterpreterError):
        body = parse_message(await decode_any_size(message.data, "the message"))
        if body.get("op") == "input":
            await service.answer(submission.execution_id, parse_text(body))
    return True
