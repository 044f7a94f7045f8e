"""A WebSocket connection from its upgrade to its end. Every wait has an end.

=======  =======================================  ====================================================================
state    received data                            what comes next
=======  =======================================  ====================================================================
OPEN     messages are taken, pings are answered   CLOSING, by ``finish``; REFUSED, when the client breaks a rule; ENDED,
                                                  by the client's close, which is answered, or by its silence
CLOSING  is dropped up to the client's close      ENDED, by that close, or if the client does not send it although it
                                                  has taken everything, or if it takes nothing
REFUSED  is dropped unread, since the kernel      ENDED, when the client ends the connection, or after a limit of time
         resets a connection that is closed with  or size
         unread data, and the client may lose
         the reason
ENDED    there is none                            the transport still sends what was written, but only for a short time
=======  =======================================  ====================================================================
"""

import asyncio
import enum
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

from interpreterd.http.closing import INTERNAL_ERROR, NORMAL, Closing
from interpreterd.http.disconnect import untaken_bytes
from interpreterd.http.incoming import IncomingConnection
from interpreterd.http.lingering import LINGER_S, Lingering
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.frames import (
    PING,
    PONG,
    TEXT,
    CloseFrame,
    Message,
    Ping,
    Pong,
    close_frame,
    frame,
    head,
)
from interpreterd.http.websocket.inbox import Inbox, OnMessage

CLOSE_TIMEOUT_S: Final = 5.0  # for a client that has taken everything to answer the close
JOINED_BYTES: Final = 4096  # up to this size, one copy of all pieces is quicker than writing each
FAILED: Final = Closing(INTERNAL_ERROR, b"internal error; the daemon's log says more")


class SocketState(enum.Enum):
    """See the table above."""

    OPEN = enum.auto()
    CLOSING = enum.auto()
    REFUSED = enum.auto()
    ENDED = enum.auto()


class WebSocket(asyncio.Protocol):
    """The protocol of an upgraded connection. A route receives in one task, or listens; any task may send or finish.

    A client that answers no ping, or takes no written data, for the patience of the settings counts as gone.
    """

    def __init__(self, before: IncomingConnection, transport: asyncio.Transport, settings: HttpSettings) -> None:
        """Follow ``before`` as the protocol of ``transport``; it is told of the end."""
        self._before = before
        self._transport = transport
        self._loop = loop = asyncio.get_running_loop()
        self._patience_s = settings.heartbeat_s
        self._state = SocketState.OPEN
        self._asks = False  # whether the daemon waits for the first message
        self._ended: asyncio.Future[None] | None = None
        self._inbox = Inbox(transport, loop, settings, control=self._on_control, refuse=self._refuse, hold=before.hold)
        self._lingering: Lingering | None = None
        self._behind = False  # whether the client takes less than it is sent
        self._senders: deque[asyncio.Future[None]] = deque()  # those that wait in ``send``, in order
        self._pong = b""  # for a client that is behind: the answer to its latest ping
        self._heard_at = loop.time()
        self._untaken_bytes = 0
        self._timer = loop.call_later(self._patience_s / 1.5, self._look_for_client)

    # For routes

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the connection has ended; after ``finish`` that takes a bounded time."""
        if self._ended is None:
            self._ended = self._loop.create_future()
            if self._state is SocketState.ENDED:
                self._ended.set_result(None)
        return self._ended

    async def receive(self) -> Message | None:
        """Return the next message, or None if no more comes."""
        return await self._inbox.receive()

    async def receive_first(self, within_s: float | None = None) -> Message | None:
        """Do the same for a client's first message. Raises ``TimeoutError`` if it does not come ``within_s``.

        If there are too many connections, this one may have to make room meanwhile.
        """
        self._asks = True
        self._before.waits(True)
        try:
            return await self._inbox.receive(within_s)
        finally:
            self._asks = False
            self._before.waits(False)

    def dismiss(self) -> None:
        """Let a waiting ``receive_first`` raise ``TimeoutError`` now."""
        self._inbox.dismiss()

    def listen(self, gone: Callable[[], object], listener: OnMessage | None = None) -> None:
        """Instead of ``receive``: give each message to ``listener``, one after the other; without one, drop them.

        ``gone`` is called when the client has gone, also if it has gone already, but not after ``finish``.
        """
        self._inbox.listen(gone, listener)

    async def send(self, *texts: bytes, opcode: int = TEXT) -> None:
        """Send messages, as one write, once the client is not behind; of several tasks the first comes first.

        With the ``opcode`` ``BINARY`` they are binary.

        Raises:
            ConnectionResetError: The connection closes, or has ended.
        """
        turn: asyncio.Future[None] | None = None
        if (self._behind or self._senders) and self._state is SocketState.OPEN:
            turn = self._loop.create_future()
            self._senders.append(turn)
        try:
            if turn is not None:
                await turn
            if texts and self._state is SocketState.OPEN:
                self._write(texts, opcode=opcode)
        finally:
            if turn is not None:
                self._senders.remove(turn)
                self._pass_on()
        if self._state is not SocketState.OPEN:
            raise ConnectionResetError("the client has gone")

    def finish(self, how: Closing = NORMAL, *texts: bytes) -> None:
        """Send the last messages and a close, as one write; without effect if the connection closes already."""
        if self._state is not SocketState.OPEN:
            return
        self._state = SocketState.CLOSING
        self._write(texts, close_frame(how))
        self._wait_for_answer(0, 0)
        self._inbox.drop()
        self._pass_on()

    async def leave(self) -> None:
        """Wait for the end; the last call of a route. A route that has failed has not said how to finish."""
        self.finish(FAILED)
        try:
            if self._state is not SocketState.ENDED:
                await self.ended
        finally:
            self._inbox.close()

    # For the transport: see asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if self._lingering is not None:
            self._lingering.drop(len(data))
            return
        if self._asks:
            self._before.waits(True)  # from now on
        self._inbox.feed(data)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        self._behind = True

    def resume_writing(self) -> None:
        self._behind = False
        if self._pong:
            self._transport.write(self._pong)
            self._pong = b""
        self._pass_on()

    # Steps

    def _write(self, texts: tuple[bytes, ...], *more: bytes, opcode: int = TEXT) -> None:
        """Write texts, and ``more`` frames: to the kernel in one call, and without a copy of what is large."""
        pieces = [piece for text in texts for piece in (head(opcode, len(text)), text)]
        pieces += more
        if sum(map(len, pieces)) <= JOINED_BYTES:
            self._transport.write(b"".join(pieces))
        else:
            self._transport.writelines(pieces)

    def _pass_on(self) -> None:
        """Wake the first that waits in ``send``, if it need not wait any more."""
        may_send = not self._behind or self._state is not SocketState.OPEN
        if may_send and self._senders and not self._senders[0].done():
            self._senders[0].set_result(None)

    def _on_control(self, item: Ping | Pong | CloseFrame) -> None:
        if isinstance(item, CloseFrame):
            if self._state is SocketState.OPEN:
                self._transport.write(close_frame(Closing(item.code or NORMAL.code)))
            self._end()
        elif isinstance(item, Ping) and self._state is SocketState.OPEN:
            pong = frame(PONG, item.data)
            if self._behind:
                self._pong = pong
            else:
                self._transport.write(pong)

    def _refuse(self, closing: Closing) -> None:
        if self._state is SocketState.ENDED:
            return
        if self._state is SocketState.OPEN:
            self._transport.write(close_frame(closing))
        self._state = SocketState.REFUSED
        self._lingering = Lingering(self._loop)
        self._lingering.ended.add_done_callback(lambda _: self._end())
        self._set_timer(LINGER_S, self._transport.abort)
        if self._transport.can_write_eof():  # not with TLS
            self._transport.write_eof()
        self._before.waits(True)
        self._inbox.end()
        self._pass_on()

    def _end(self) -> None:
        if self._state is SocketState.ENDED:
            return
        self._state = SocketState.ENDED
        self._timer.cancel()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(CLOSE_TIMEOUT_S, _abort, weakref.ref(self._transport))
        self._inbox.end()
        self._pass_on()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    # Clocks

    def _set_timer(self, after_s: float, call: Callable[[], None]) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(after_s, call)

    def _look_for_client(self) -> None:
        """Ping a client that has been silent for two thirds of the patience; end a connection that stays silent.

        If the client is behind but has taken some waiting data, that is its sign of life: a ping would wait, too.
        """
        now = self._loop.time()
        before_bytes, self._untaken_bytes = self._untaken_bytes, untaken_bytes(self._transport)
        if self._untaken_bytes != before_bytes:
            self._heard_at = now
        silent_s = now - self._heard_at
        if silent_s >= self._patience_s:
            self._transport.abort()
            return
        next_s = self._patience_s / 1.5
        if silent_s >= next_s:
            if not self._transport.get_write_buffer_size():
                self._transport.write(frame(PING, b""))
            next_s = self._patience_s
        self._set_timer(next_s - silent_s, self._look_for_client)

    def _wait_for_answer(self, before_bytes: int, stalled_s: float) -> None:
        """Look again later, and then end the connection if the client has taken everything, or nothing for too long."""

        def look() -> None:
            untaken = untaken_bytes(self._transport)
            stalled = stalled_s + CLOSE_TIMEOUT_S if untaken == before_bytes else 0
            if not untaken or stalled >= self._patience_s:
                self._transport.abort()
            else:
                self._wait_for_answer(untaken, stalled)

        self._set_timer(CLOSE_TIMEOUT_S, look)


def _abort(transport: "weakref.ref[asyncio.Transport]") -> None:
    if (there := transport()) is not None:  # only the connection is waited for, and nothing that hangs on this object
        there.abort()
