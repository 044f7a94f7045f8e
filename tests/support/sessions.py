"""A client of ``GET /process/interpreter/session`` that always reads and checks every message.

For load: many executions, interrupts and contexts at once on one connection. Messages that break the protocol are
listed in ``violations`` and raise no error, so that a long run reports all of them.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
from attrs import define, field
from harness import Client

ENDS = ("completed", "interrupted", "cancelled", "refused")
PARTS = {
    "frames",
    "omittedFrames",
    "notes",
    "suggestion",
    "cause",
    "context",
    "suppressContext",
    "exceptions",
}
TYPES = {
    "stdout": {"type", "text", "requestId", "executionId"},
    "stderr": {"type", "text", "requestId", "executionId"},
    "control": {"type", "text", "executionCount", "workerCount", "requestId", "executionId"},
    "error": {"type", "name", "value", "traceback", "requestId", "executionId", *PARTS},
}


@define(eq=False)
class Request:
    """One execution and its messages so far.

    Attributes:
        events: The number of numbered messages so far. The messages of a refusal have no number.
        end: Its last control message, or ``None`` before.
        started: Set when it runs or has ended.
        spoke: Set when it has output or has ended.
        ended: Set at its end or at the end of the connection.
    """

    id: str
    code: str
    execution_id: str | None = None
    stdout: list[str] = field(factory=list)
    stderr: list[str] = field(factory=list)
    error: dict[str, Any] | None = None
    events: int = 0
    restarted: bool = False
    end: str | None = None
    started: asyncio.Event = field(factory=asyncio.Event)
    spoke: asyncio.Event = field(factory=asyncio.Event)
    ended: asyncio.Event = field(factory=asyncio.Event)

    @property
    def outcome(self) -> str:
        """How it ended, in a few words: ``completed`` or ``completed ValueError: …``."""
        error = f" {self.error['name']}: {self.error['value']}" if self.error else ""
        return f"{self.end}{error}"

    def release(self) -> None:
        """Set all of its events."""
        for event in (self.started, self.spoke, self.ended):
            event.set()


class Session:
    """One connection. ``open_session`` opens it.

    Attributes:
        violations: Messages that break the protocol.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.violations: list[str] = []
        self._socket = socket
        self._ids = itertools.count()
        self._requests: dict[str, Request] = {}
        self._answers: dict[str, asyncio.Future[str]] = {}

    async def execute(self, code: str, context: str | None = None, **keys: Any) -> Request:
        """Send an execution; return without waiting for it."""
        request = Request(f"e{next(self._ids)}", code)
        self._requests[request.id] = request
        await self._send(op="execute", requestId=request.id, code=code, contextId=context, **keys)
        return request

    async def run(self, code: str, context: str | None = None, **keys: Any) -> Request:
        """Send an execution; return when it has ended."""
        request = await self.execute(code, context, **keys)
        await request.ended.wait()
        return request

    async def interrupt(self, context: str | None = None, execution_id: str | None = None) -> str:
        """Return the answer, ``interrupting`` or ``idle``; ``gone`` if the connection ends first."""
        return await self._ask(op="interrupt", contextId=context, executionId=execution_id)

    async def ping(self) -> str:
        """Return ``pong``, or ``gone`` if the connection ends first."""
        return await self._ask(op="ping")

    async def _ask(self, **keys: Any) -> str:
        request_id = f"a{next(self._ids)}"
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        try:
            await self._send(requestId=request_id, **keys)
            return str(await answer)
        finally:
            del self._answers[request_id]

    async def _send(self, **message: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the reader also notices it, and ends every request
            await self._socket.send_bytes(orjson.dumps(message))

    async def read(self) -> None:
        """Read messages until the connection ends."""
        try:
            while (frame := await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self._take(frame.data)
        finally:
            for request in self._requests.values():
                request.release()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_result("gone")

    def _take(self, data: str) -> None:
        if len(data.encode()) >= 1 << 20:
            self.violations.append(f"a message of {len(data)} characters")
        message = orjson.loads(data)
        answer = self._answers.get(message["requestId"])
        if answer is not None and not answer.done():
            answer.set_result(message["text"])
            return
        request = self._requests.get(message["requestId"])
        if request is None:
            self.violations.append(f"a message for a request that had ended, or never was: {data[:200]}")
        elif strange := _check(request, message):
            self.violations.append(f"{strange}: {data[:200]}; {request}")
        if request is not None and request.end is not None:
            del self._requests[request.id]
            request.release()


def _check(request: Request, message: dict[str, Any]) -> str | None:
    """Add ``message`` to its request; return its violations."""
    kind, text = message["type"], message.get("text")
    if kind not in TYPES or not message.keys() <= TYPES[kind] | {"code", "seq", "ahead", "outcome"}:
        return "not as documented"
    if message.get("seq", 0) != request.events and text != "refused":
        return f"not the event {request.events}"
    request.events += 1
    if request.execution_id is None:
        request.execution_id = message.get("executionId")
    elif message.get("executionId") != request.execution_id:
        return "another execution's id"
    if kind == "error":
        if request.error is not None:
            return "a second error"
        request.error = message
    elif request.error is not None and text not in ENDS:
        return "something between the error and the end"
    elif kind == "control" and text == "queued" and request.events == 1:
        pass
    elif kind == "control" and text == "started":
        request.started.set()
    elif kind == "control" and text == "restarted":
        request.restarted = True
    elif kind == "control" and text in ENDS:
        request.end = text
    elif kind == "control":
        return "an unknown control"
    elif not request.started.is_set():
        return "output before the start"
    else:
        (request.stdout if kind == "stdout" else request.stderr).append(message["text"])
        request.spoke.set()
    return None


@contextlib.asynccontextmanager
async def open_session(client: Client) -> AsyncIterator[Session]:
    """Connect. The end of the block closes the connection and ends all unanswered requests."""
    async with client.http.ws_connect(client.base + "/session", max_msg_size=1 << 20) as socket:
        session = Session(socket)
        reader = asyncio.create_task(session.read())
        try:
            yield session
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
