"""One execution, from the request to its last event, over as many connections as it takes."""

import asyncio
import contextlib
import secrets
from collections import deque
from typing import Any, Final

import aiohttp
from attrs import evolve

from interpreterd.client.arguments import encode_request, quoted
from interpreterd.client.calls import FIRST_PAUSE_S, LONGEST_PAUSE_S, HostCalls
from interpreterd.client.channel import Channel, ChannelFeed
from interpreterd.client.errors import (
    ClientError,
    ConnectionFailed,
    ConnectionLost,
    ExecutionLost,
    Refused,
    UnexpectedAnswer,
)
from interpreterd.client.link import Link
from interpreterd.client.wire import parse, parse_call
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome, Raised
from interpreterd.model.functions import FunctionCall, FunctionEnd
from interpreterd.model.names import NDJSON

EVENT_LINE_LIMIT_BYTES: Final = 64 << 20  # a picture of 16 MiB is 22 MiB as base64; text may be six times as long
FIND_PAUSES_S: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
LEAVE_TIMEOUT_S: Final = 5.0


class FollowedExecution:
    """An execution that is followed to its end.

    Each event has a number. When a connection ends, the daemon is asked for the events that have not come yet. If none
    had come, the execution is found by its ``origin``, which has a random part. Code is sent once, never again: an
    execution that is not found may have run.

    Attributes:
        events: Those that have come, and that the caller has not taken yet: some hundred KiB, the content of one read.
        id: None before the first event.
        calls: Its host functions, which run whenever the code calls; None if it has none.
        shows_calls: Whether ``events`` has their calls, which otherwise need no caller of ``fill``.
        calls_from: The number of the first event that may be a call which waits.
    """

    def __init__(
        self,
        link: Link,
        body: dict[str, Any],
        *,
        origin: str,
        reconnect_s: float,
        channel: Channel | None = None,
        owns_channel: bool = False,
        execution_id: str | None = None,
        start: int = 0,
    ) -> None:
        """Prepare the request ``body``; ``fill`` sends it, by ``channel`` if there is one.

        With ``execution_id`` follow that execution, which any client has begun, from its event number ``start`` on.
        ``fill`` raises ``Refused`` if there is none. Raises what ``arguments.encode_request`` raises.
        """
        self.events: deque[Event | Gap] = deque()
        self.id: str | None = execution_id
        self.context_id: str = body.get("contextId") or DEFAULT_CONTEXT_ID
        self.calls: HostCalls | None = None
        self.shows_calls = True
        self.calls_from = 0
        self._link = link
        self._origin = f"{origin} {secrets.token_hex(8)}".lstrip()
        self._body = encode_request({**body, "origin": self._origin})
        self._reconnect_s = reconnect_s
        self._channel = channel
        self._owns_channel = owns_channel
        self._feed: ChannelFeed | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._unread: list[bytes] = []  # the pieces of a line
        self._unread_bytes = 0
        self._next = start
        self._error: Failure | None = None
        self._submitted = execution_id is not None  # as far as is known
        self._ended = False
        self._interrupted = False
        self._reading = asyncio.Lock()
        self._losses = 0  # since the last event
        self._give_up_at = 0.0
        self._is_attaching = execution_id is not None

    @property
    def next_event(self) -> int:
        """The number of the event after the latest one of ``events``."""
        return self._next

    async def fill(self) -> bool:
        """Wait until there are ``events``; return False after the last one. May be cancelled, and called again.

        Raises:
            ClientError: The execution was refused, or cannot be followed any more.
        """
        async with self._reading:
            while not self._ended and not self.events:
                try:
                    if self._response is None and self._feed is None:
                        await self._connect()
                    await self._read()
                except (ConnectionFailed, ConnectionLost) as error:
                    if not self._submitted or self._is_attaching or isinstance(error, ExecutionLost):
                        raise
                    self._hang_up()
                    await self._pause(error)
        return bool(self.events)

    async def interrupt(self) -> None:
        """Interrupt it, or take it out of the queue; only the first call does. Its last events still come."""
        if not self._submitted or self._ended or self._interrupted:
            return
        self._interrupted = True
        if self.id is None:
            self.id = await self._find()
        await self._link.request("POST", f"/executions/{self.id}/interrupt")

    async def answer(self, text: str | None) -> None:
        """Answer its question; None for the end of its input."""
        if not self._ended:
            body = encode_request({"text": text})
            await self._link.request("POST", f"/executions/{self.id}/input", body)

    async def answer_call(self, call_id: str, answer: bytes) -> None:
        """Answer a call; see ``SendAnswer``."""
        channel = None if self._feed is None else self._channel
        if channel is None or not await channel.answer_call(str(self.id), call_id, answer):
            await self._link.request("POST", f"/executions/{self.id}/calls/{call_id}", b"{" + answer)

    async def open_calls(self) -> list[FunctionCall]:
        """Return its calls that wait for an answer."""
        found = await self._link.request_all(f"/executions/{quoted(str(self.id))}/calls", "calls")
        return list(map(parse_call, found))

    def leave(self) -> None:
        """Stop following it. It goes on, and its program waits for no reader; ``close`` then does nothing."""
        self._interrupted = True
        self._hang_up()

    async def close(self) -> None:
        """Stop following it; interrupt it if it has not ended. Takes at most some seconds, and raises nothing."""
        try:
            with contextlib.suppress(ClientError, TimeoutError, RuntimeError):  # the last: the client is closed
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self.interrupt()
                    if self._response is not None and self._ended:
                        await self._response.read()  # the end of the body: the connection can serve another one
        finally:
            if self.calls is not None:
                await self.calls.close()
            self._hang_up()
            if self._owns_channel and self._channel is not None:
                await self._channel.close()

    async def _connect(self) -> None:
        if not self._submitted:
            self._submitted = True
            try:
                if self._channel is not None and await self._channel.is_open():
                    self._feed = await self._channel.execute(self._body)
                    return
                self._response = await self._link.open("POST", "/execute", self._body, NDJSON)
            except (ConnectionFailed, Refused):
                self._submitted = False
                raise
            return
        try:
            if self.id is None:
                self.id = await self._find()
            path = f"/executions/{self.id}/events?from={self._next}"
            self._response = await self._link.open("GET", path, accept=NDJSON)
            self._is_attaching = False
        except (Refused, UnexpectedAnswer) as error:
            if self._is_attaching:
                raise
            if error.status >= 500:  # the daemon, or a proxy before it, is about to end or to start
                raise ConnectionLost(str(error)) from error
            raise ExecutionLost(f"the connection ended, and then: {error}", self.id) from error

    async def _find(self) -> str:
        """Return the execution's id, if the daemon has accepted it.

        Ask several times: the daemon may still be about to read the request from the connection that has ended.
        """
        for pause_s in FIND_PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                path = f"/context/{quoted(self.context_id)}/executions"
                listed = await self._link.request_all(path, "executions")
            except Refused as error:
                if error.status >= 500:
                    raise
                continue
            for execution in listed:
                if execution["origin"] == self._origin:
                    return str(execution["id"])
        self._interrupted = True  # as far as that can be done
        raise ExecutionLost("the connection ended before an answer came: whether the code has run is not known", None)

    async def _read(self) -> None:
        if self._feed is not None:
            for line in await self._feed.read():
                await self._take(line)
            return
        assert self._response is not None
        with self._link.translated():
            data = await self._response.content.readany()
        if not data:
            raise ConnectionLost(f"{self._link.url} has ended the connection")
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._unread, line])
            self._unread, self._unread_bytes = [], 0
            await self._take(whole)
        self._unread.append(rest)
        self._unread_bytes += len(rest)
        if self._unread_bytes > EVENT_LINE_LIMIT_BYTES:
            raise UnexpectedAnswer(f"a line of more than {EVENT_LINE_LIMIT_BYTES} bytes", self._response.status)

    async def _take(self, line: bytes) -> None:
        try:
            came = parse(line)
        except ValueError as error:
            raise UnexpectedAnswer(str(error), 200) from None
        if came.number < self._next:
            return
        event = came.event
        if isinstance(event, Finished):
            outcome = event.outcome if came.tells_outcome else await self._outcome(event.outcome)
            event = evolve(event, error=self._error, outcome=outcome)
            self._ended = True
        elif isinstance(event, Raised):
            self._error = event.error
        elif self.calls is not None and isinstance(event, FunctionCall):
            if came.number >= self.calls_from:
                self.calls.begin(event)
        elif self.calls is not None and isinstance(event, FunctionEnd):
            self.calls.end(event)
        elif self.calls is not None and isinstance(event, Gap) and came.number >= self.calls_from:
            self.calls.find_missed(self.open_calls)
        self._next = came.number + 1
        self._losses = 0
        if self.id is None:
            self.id = came.execution_id
        if event is not None and (self.shows_calls or not isinstance(event, FunctionCall | FunctionEnd)):
            self.events.append(event)

    async def _outcome(self, told: Outcome) -> Outcome:
        """Return how it ended; for daemons whose last event does not tell: ``lost`` looks like two other outcomes."""
        died = told is Outcome.COMPLETED and self._error is not None and self._error.name == "WorkerDied"
        if died or told is Outcome.CANCELLED:
            with contextlib.suppress(ClientError, KeyError, ValueError):
                shown = await self._link.request("GET", f"/executions/{self.id}")
                return Outcome(shown["outcome"])
        return told

    async def _pause(self, error: ClientError) -> None:
        """Wait before the next try, each time longer; raise ``ExecutionLost`` once ``reconnect_s`` have passed."""
        now = asyncio.get_running_loop().time()
        if self._losses == 0:
            self._give_up_at = now + self._reconnect_s
        if now >= self._give_up_at:
            text = f"the execution could not be followed again within {self._reconnect_s:g} s: {error}"
            raise ExecutionLost(text, self.id) from error
        pause_s = min(FIRST_PAUSE_S * 2 ** min(self._losses - 1, 10), LONGEST_PAUSE_S) if self._losses else 0.0
        self._losses += 1
        await asyncio.sleep(pause_s)

    def _hang_up(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if self._response is not None:
            self._response.close()
            self._response = None
        self._unread, self._unread_bytes = [], 0
