"""One WebSocket client and its one execution: ``GET /process/interpreter/execute``."""

import contextlib
import functools
from typing import Final

from aiohttp import web

from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.native.calls import names_call, parse_call_answer, parse_call_id
from interpreterd.dialects.native.errors import closing_after
from interpreterd.dialects.native.events import closing, render, render_v1
from interpreterd.dialects.native.operations import parse_message, parse_text
from interpreterd.dialects.native.refusals import execute_refusal
from interpreterd.dialects.native.requests import ExecuteMessage, parse_execute
from interpreterd.http.decoding import decode_any_size
from interpreterd.http.farewells import SILENT
from interpreterd.http.keys import SETTINGS
from interpreterd.http.streams import Render
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.http.websocket.frames import Message
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.errors import InterpreterError, InvalidRequest, ServerShuttingDown
from interpreterd.model.events import Event, Finished
from interpreterd.monitoring.happenings import tell_refusal

SDK_SUBPROTOCOL: Final = "X-Daytona-SDK-Version~"
"""The beginning of a subprotocol that is echoed; the SDKs end it with their version."""


async def execute(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Serve one execution: take the first message, send the events, close."""
    socket = open_socket(request, subprotocol=SDK_SUBPROTOCOL)
    try:
        await _take_and_serve(service, request.app, socket)
    finally:
        await socket.leave()
    return UPGRADED


async def _take_and_serve(service: ContextService, app: web.Application, socket: WebSocket) -> None:
    try:
        asked = await _first_message(service, app, socket)
        if asked is None:
            return
        submission = await service.submit(asked.execute, answers=asked.numbered)
    except InterpreterError as error:
        tell_refusal(error)
        refusal = execute_refusal(error)
        socket.finish(closing_after(error), *() if refusal is None else (refusal,))
        return
    ids = {"executionId": submission.execution_id}
    numbered, results = asked.numbered, asked.execute.results
    del asked  # its code must not be kept for as long as its client reads
    if numbered:
        await _serve(service, socket, submission, lambda number, event: render(number, event, ids))
    else:
        await _serve(service, socket, submission, lambda _, event: render_v1(event, results=results))


async def _first_message(service: ContextService, app: web.Application, socket: WebSocket) -> ExecuteMessage | None:
    """Return the client's request, or None if it disconnected. Raises ``InterpreterError`` for an invalid request."""
    timeout_s = app[SETTINGS].first_message_timeout_s
    app[SILENT].add(socket.dismiss)
    try:
        message = await socket.receive_first(timeout_s)
    except TimeoutError:
        if service.closing:
            raise ServerShuttingDown from None
        raise InvalidRequest(f"no first message within {timeout_s:g} s") from None
    finally:
        app[SILENT].discard(socket.dismiss)
    if message is None:
        return None
    return parse_execute(await decode_any_size(message.data, "the message"), contract=True)


async def _serve(service: ContextService, socket: WebSocket, submission: Submission, shown: Render[Event]) -> None:
    """Send the events of ``submission``, and finish after the last one; or end when the client has gone."""
    socket.listen(submission.stop, functools.partial(_take_answer, service, submission))
    try:
        while events := await submission.ready():
            texts = [text for number, event in events if (text := shown(number, event)) is not None]
            _, latest = events[-1]
            if isinstance(latest, Finished):
                socket.finish(closing(latest), *texts)
            else:
                await socket.send(*texts)
    except ConnectionError:  # the client has gone within a message
        pass
    finally:
        submission.stop()


async def _take_answer(service: ContextService, submission: Submission, message: Message) -> None:
    """Take an answer to ``inputRequest`` or ``functionCall``; other messages are ignored. Version 1 knows only one."""
    with contextlib.suppress(InterpreterError):
        body = parse_message(await decode_any_size(message.data, "the message", is_light=names_call(message.data)))
        if body.get("op") == "input":
            await service.answer(submission.execution_id, parse_text(body))
        elif body.get("op") == "return":
            await service.answer_call(submission.execution_id, parse_call_id(body), parse_call_answer(body))
