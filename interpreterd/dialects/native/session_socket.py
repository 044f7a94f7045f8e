"""Many executions on one WebSocket: ``GET /process/interpreter/session``."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.native.calls import names_call
from interpreterd.dialects.native.comms import LIGHT_COMM_BYTES, names_comm
from interpreterd.dialects.native.errors import closing_after
from interpreterd.dialects.native.events import render
from interpreterd.dialects.native.execute_socket import SDK_SUBPROTOCOL
from interpreterd.dialects.native.operations import (
    InputOperation,
    InterruptOperation,
    PingOperation,
    ReturnOperation,
    answer,
    parse_message,
    parse_operation,
    parse_request_id,
)
from interpreterd.dialects.native.refusals import session_refusal
from interpreterd.http.decoding import SMALL_BYTES, decode_any_size
from interpreterd.http.farewells import FAREWELLS
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.http.websocket.frames import Message
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.errors import InterpreterError, InvalidRequest, LimitReached, ServerShuttingDown
from interpreterd.model.requests import Execute
from interpreterd.monitoring.happenings import tell_refusal

REQUESTS_LIMIT: Final = 256  # of one connection
FAREWELL_LIMIT_S: Final = 1.0


async def session(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Serve a connection until its client ends it: take operations, answer each, send events as they come."""
    socket = open_socket(request, subprotocol=SDK_SUBPROTOCOL)
    client = _Client(socket, service)
    farewells = request.app[FAREWELLS]
    farewells.add(client.say_farewell)
    try:
        await client.serve()
    except ConnectionError:
        pass
    finally:
        farewells.discard(client.say_farewell)
        await client.leave()
        await socket.leave()
    return UPGRADED


class _Client:
    """One connection and its unanswered requests."""

    def __init__(self, socket: WebSocket, service: ContextService) -> None:
        self._socket = socket
        self._service = service
        self._requests: dict[str, asyncio.Task[None]] = {}
        self._executions: set[str] = set()  # the unanswered ones

    async def serve(self) -> None:
        """Take messages until the connection ends. A fault in one is reported, and does not end the connection."""
        receive: Callable[[], Awaitable[Message | None]] = self._socket.receive_first
        while await self._take_message(receive):
            receive = self._socket.receive

    async def _take_message(self, receive: Callable[[], Awaitable[Message | None]]) -> bool:
        """Take the next message; return False if the connection has ended.

        A call for each: a message, which may be large, is freed before the next one is awaited.
        """
        message = await receive()
        if message is None:
            return False
        request_id = None
        try:
            body = parse_message(await _decoded(message.data))
            request_id = parse_request_id(body)
            match parse_operation(body):
                case Execute() as execute:
                    await self._execute(request_id, execute)
                case InterruptOperation(context_id, execution_id):
                    did = await self._service.interrupt(context_id, execution_id)
                    await self._socket.send(answer(did, request_id))
                case InputOperation(execution_id, text):
                    asked = await self._answer(execution_id, text)
                    await self._socket.send(answer("accepted" if asked else "idle", request_id))
                case ReturnOperation(execution_id, call_id, returned):
                    accepted = await self._service.answer_call(execution_id, call_id, returned)
                    await self._socket.send(answer("accepted" if accepted else "idle", request_id))
                case PingOperation():
                    await self._socket.send(answer("pong", request_id))
        except InterpreterError as error:
            tell_refusal(error)
            for line in session_refusal(error, request_id):
                await self._socket.send(line)
        return True

    async def say_farewell(self) -> None:
        """Close the connection after the answers to its requests; a client that does not take them is left behind."""
        end = asyncio.get_running_loop().time() + FAREWELL_LIMIT_S
        if self._requests:
            await asyncio.wait(self._requests.values(), timeout=FAREWELL_LIMIT_S)
        self._socket.finish(closing_after(ServerShuttingDown()))
        await asyncio.wait([self._socket.ended], timeout=max(0, end - asyncio.get_running_loop().time()))

    async def leave(self) -> None:
        """Follow no more executions; they go on without their client."""
        tasks = list(self._requests.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _execute(self, request_id: str, execute: Execute) -> None:
        if request_id in self._requests:
            raise InvalidRequest("requestId must differ from the requestId of every unanswered request")
        if len(self._requests) >= REQUESTS_LIMIT:
            raise LimitReached(f"too many requests on this connection: the limit is {REQUESTS_LIMIT}")
        submission = await self._service.submit(execute, answers=True)
        self._executions.add(submission.execution_id)
        following = asyncio.create_task(self._follow(request_id, submission))
        self._requests[request_id] = following

        def end(following: asyncio.Task[None]) -> None:
            submission.stop()
            del self._requests[request_id]
            self._executions.discard(submission.execution_id)

        following.add_done_callback(end)  # a task that is cancelled at once never starts

    async def _answer(self, execution_id: str, text: str | None) -> bool:
        return execution_id in self._executions and await self._service.answer(execution_id, text)

    async def _follow(self, request_id: str, submission: Submission) -> None:
        ids = {"requestId": request_id, "executionId": submission.execution_id}
        with contextlib.suppress(ConnectionError):  # the receiver sees it too, and leaves
            while events := await submission.ready():
                texts = [text for number, event in events if (text := render(number, event, ids)) is not None]
                await self._socket.send(*texts)


async def _decoded(data: bytes) -> object:
    """Return the value of a message; an answer to a call, or a message for a comm, may be long besides code."""
    if len(data) > SMALL_BYTES and names_comm(data):
        return await decode_any_size(data, "the message", is_light=True, light_limit_bytes=LIGHT_COMM_BYTES)
    return await decode_any_size(data, "the message", is_light=names_call(data))
