"""Writes events to followers: as NDJSON, as server-sent events, or on a WebSocket.

Nothing is kept back for a follower: while its client takes no data, it waits, and the journal decides which events it
then misses.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

from aiohttp import hdrs, web

from interpreterd.contexts.service import Events
from interpreterd.http.bodies import choose_form
from interpreterd.http.closing import Closing
from interpreterd.http.disconnect import when_gone
from interpreterd.http.keys import SETTINGS
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.events import Gap
from interpreterd.model.names import EVENT_STREAM, NDJSON

HEADERS: Final[Mapping[str, str]] = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # otherwise nginx, as a proxy, keeps events back
}
_E = TypeVar("_E")
Render = Callable[[int, _E | Gap], bytes | None]
"""Returns the message of an event with its number, or None if these clients are not told of it."""


def as_line(number: int, message: bytes) -> bytes:
    """Return a line of NDJSON."""
    return message + b"\n"


def as_event(number: int, message: bytes) -> bytes:
    """Return a server-sent event; ``message`` is one line, since JSON escapes line ends."""
    return b"id: %d\ndata: %b\n\n" % (number, message)


FRAMES: Final[Mapping[str, Callable[[int, bytes], bytes]]] = {NDJSON: as_line, EVENT_STREAM: as_event}
HOLD_S: Final = 0.02
BEATS: Final[Mapping[str, bytes]] = {EVENT_STREAM: b":\n\n"}
"""A comment of each form that has comments."""


class _Answer(web.StreamResponse):
    """An answer whose head is sent together with its first data."""

    _send_headers_immediately = False


async def answer_with(
    request: web.Request,
    form: str,
    events: Events[_E],
    render: Render[_E],
    *,
    frame: Callable[[int, bytes], bytes] | None = None,
    beat: bytes | Callable[[], bytes] | None = None,
    beat_s: float | None = None,
    patient: frozenset[type] = frozenset(),
) -> web.StreamResponse:
    """Answer with ``events``, until they end or the client disconnects; the caller then stops them.

    ``frame`` makes of a message and its number what is sent; by default as the ``form`` has it. After ``beat_s``
    without data, ``beat`` is sent; by default as the ``form`` has it, if it has a form for that. Events of ``patient``
    types, for which no client waits, are sent with the next event, or after ``HOLD_S``.
    """
    kind = _Answer if patient else web.StreamResponse
    response = kind(headers={**HEADERS, hdrs.CONTENT_TYPE: form})
    frame = frame or FRAMES[form]
    patience_s = request.app[SETTINGS].heartbeat_s
    try:
        with when_gone(request, events.stop, patience_s):
            await response.prepare(request)
            beat = BEATS.get(form) if beat is None else beat
            with _Pulse(response, beat, patience_s / 1.5 if beat_s is None else beat_s) as pulse:
                while ready := await events.ready():
                    told = _joined(ready, render, frame)
                    if events.at_end:
                        await response.write_eof(pulse.take() + told)  # one write for both ends
                    elif all(type(event) in patient for _, event in ready):
                        pulse.hold(told)
                    elif told:
                        await response.write(pulse.take() + told)
                if left := pulse.take():
                    await response.write(left)
    except ConnectionError:
        pass
    return response


def _joined(ready: Sequence[tuple[int, _E | Gap]], render: Render[_E], frame: Callable[[int, bytes], bytes]) -> bytes:
    """Return the events as one piece. No other copy of them is kept while the client takes it."""
    messages = ((number, render(number, event)) for number, event in ready)
    return b"".join(frame(number, message) for number, message in messages if message is not None)


async def follow(
    request: web.Request,
    events: Events[_E],
    render: Render[_E],
    *,
    closing: Callable[[], Closing],
    subprotocol: str | None = None,
) -> web.StreamResponse:
    """Serve a client that follows ``events``, in the form that it asks for; then stop them.

    A WebSocket, which may speak ``subprotocol``, is closed after the last event with the result of ``closing``.
    """
    try:
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await _follow_on_socket(request, events, render, closing, subprotocol)
        form = choose_form(request, (NDJSON, EVENT_STREAM))
        if form == EVENT_STREAM and events.at_end:
            # Otherwise, an EventSource reconnects after every end:
            # html.spec.whatwg.org/multipage/server-sent-events.html
            return web.Response(status=204)
        return await answer_with(request, form, events, render)
    finally:
        events.stop()


async def _follow_on_socket(
    request: web.Request,
    events: Events[_E],
    render: Render[_E],
    closing: Callable[[], Closing],
    subprotocol: str | None,
) -> web.StreamResponse:
    socket = open_socket(request, subprotocol=subprotocol)
    socket.listen(events.stop)
    try:
        while batch := await events.ready():
            await socket.send(*(text for number, event in batch if (text := render(number, event)) is not None))
        socket.finish(closing())
    except ConnectionError:
        pass
    finally:
        events.stop()
        await socket.leave()
    return UPGRADED


class _Pulse:
    """Writes to ``response`` what is held for too long, and ``beat`` after each ``period_s`` of silence.

    The beat is for clients and proxies that end silent connections.
    """

    def __init__(self, response: web.StreamResponse, beat: bytes | Callable[[], bytes] | None, period_s: float) -> None:
        self._response = response
        self._text = beat
        self._period_s = period_s
        self._loop = asyncio.get_running_loop()
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held = b""

    def __enter__(self) -> Self:
        self._silent_since = self._loop.time()
        self._set(self._period_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            self._writing.cancel()

    def hold(self, data: bytes) -> None:
        """Keep ``data`` until the caller takes it, to write it with more, or for ``HOLD_S``."""
        self._held += data
        self._set(HOLD_S)

    def take(self) -> bytes:
        """Return what is held; the caller writes now."""
        self._silent_since = self._loop.time()
        held, self._held = self._held, b""
        return held

    def _set(self, after_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._held or self._text is not None:
            self._timer = self._loop.call_later(after_s, self._look)

    def _look(self) -> None:
        is_due = self._text is not None and self._loop.time() >= self._silent_since + self._period_s
        # Otherwise the client takes nothing.
        if (self._held or is_due) and (self._writing is None or self._writing.done()):
            self._writing = self._loop.create_task(self._write())
        self._set(max(HOLD_S, self._silent_since + self._period_s - self._loop.time()))

    async def _write(self) -> None:
        """Write what is held, or else the beat; nothing if the caller has written meanwhile."""
        since = self._silent_since
        data = self.take()
        if not data and self._text is not None and self._silent_since >= since + self._period_s:
            data = self._text() if callable(self._text) else self._text
        if data:
            with contextlib.suppress(ConnectionError):
                await self._response.write(data)
