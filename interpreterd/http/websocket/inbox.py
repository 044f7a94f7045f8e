"""Received messages that the route has not taken: bounded in number and size, and in the time that one may take."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from interpreterd.http.closing import POLICY_VIOLATION, TRY_AGAIN_LATER, Closing
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.frames import CloseFrame, Message, Part, Ping, Pong, Reader, Violation
from interpreterd.model.errors import LimitReached

TAKEN_AT_ONCE: Final = 32  # messages and pings; other connections then have their turn
WAITING_MESSAGES: Final = 32  # beyond that, or beyond the bytes, nothing more is read
WAITING_BYTES: Final = 64 << 10
MESSAGE_PAUSES: Final = 10  # the time limit for a whole message, as a number of the longest pauses
LATE: Final = Closing(POLICY_VIOLATION, b"the rest of a message did not come in time")
CROWDED: Final = Closing(TRY_AGAIN_LATER, b"too many large messages at the same time")
OnMessage = Callable[[Message], Awaitable[None]]


class Inbox:
    """The receiving half of a connection. One task receives, or a listener is called."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        settings: HttpSettings,
        *,
        control: Callable[[Ping | Pong | CloseFrame], None],
        refuse: Callable[[Closing], None],
        hold: Callable[[int], None],
    ) -> None:
        """Call ``control`` for what is not a message, ``refuse`` when the client breaks a rule or a limit.

        ``hold`` is told how many bytes are kept more, or less if negative, by a connection that keeps more than
        ``WAITING_BYTES``. It may raise ``LimitReached``.
        """
        self._transport = transport
        self._loop = loop
        self._pause_s = settings.body_timeout_s
        self._control = control
        self._refuse = refuse
        self._hold = hold
        self._reader = Reader(settings.body_limit_bytes)
        self._messages: deque[Message] = deque()
        self._messages_bytes = 0
        self._in_hand_bytes = 0  # of the message that is being processed
        self._held_bytes = 0
        self._taken = 0
        self._over = False  # whether no more is fed
        self._reading = True
        self._full = False  # whether there is no room for what the reader has
        self._turn: asyncio.Handle | None = None  # set while the reader has more than was taken at once
        self._arrival: asyncio.Future[None] | None = None  # what ``receive`` waits for
        self._dismissed = False
        self._ignores = False
        self._listener: OnMessage | None = None
        self._listening: asyncio.Task[None] | None = None
        self._gone: Callable[[], object] = _ignore
        self._heard_at = self._begun_at = 0.0
        self._timer: asyncio.TimerHandle | None = None  # set while a message is incomplete

    async def receive(self, within_s: float | None = None) -> Message | None:
        """Return the next message, or None if no more comes. Raises ``TimeoutError``."""
        self._taken += 1
        if self._taken % TAKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
        while (message := self._next()) is None and not self._is_at_end:
            self._arrival = self._loop.create_future()
            timer = None if within_s is None else self._loop.call_later(within_s, self.dismiss)
            try:
                await self._arrival
            finally:
                self._arrival = None
                if timer is not None:
                    timer.cancel()
            if self._dismissed:
                raise TimeoutError
        return message

    def dismiss(self) -> None:
        """Let a waiting ``receive`` raise ``TimeoutError`` now."""
        if self._arrival is not None and not self._arrival.done():
            self._dismissed = True
            self._wake()

    def listen(self, gone: Callable[[], object], listener: OnMessage | None) -> None:
        """Give all messages to ``listener``, one after the other; without one, drop them. Then call ``gone``."""
        self._gone = gone
        self._listener = listener
        self._ignores = listener is None
        self._release()
        self._go_on()

    def feed(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._heard_at = self._loop.time()
        self._reader.feed(data)
        if self._turn is None:
            self._take()
            self._announce()

    def end(self) -> None:
        """No more is fed. Whole messages are still received, or given to the listener, before the end is told."""
        self._over = True
        self._stop_clock()
        self._go_on()

    def drop(self) -> None:
        """Drop messages from now on, and those that wait; the end is told to ``receive`` only."""
        self._gone, self._listener, self._ignores = _ignore, None, True
        self._messages.clear()
        self._messages_bytes = 0
        self.end()

    def close(self) -> None:
        """Drop everything, also the message that the route has received. No function is called any more."""
        self._reader.end()
        self.drop()
        self._release()
        self._control = self._refuse = self._hold = _ignore

    @property
    def _is_at_end(self) -> bool:
        return self._over and not (self._messages or self._full or self._turn)

    def _next(self) -> Message | None:
        self._release()
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._in_hand_bytes = len(message.data)
        self._messages_bytes -= self._in_hand_bytes
        if self._full and not self._messages:  # also to notice that the client leaves while its message is processed
            self._take()
        return message

    def _take(self) -> None:
        """Take what the reader has, while there is room, and only so much in one turn of the loop."""
        left = TAKEN_AT_ONCE
        self._full = False
        while (item := self._reader.take()) is not None:
            if isinstance(item, Message):
                self._add(item)
            elif isinstance(item, Violation):
                self._refuse(item.closing)
            elif not isinstance(item, Part):
                self._control(item)
            left -= 1
            if len(self._messages) >= WAITING_MESSAGES or self._messages_bytes >= WAITING_BYTES:
                self._full = True
                break
            if not left:
                self._turn = self._loop.call_soon(self._next_turn)
                break
        self._read_on(not self._full and self._turn is None)
        self._count()

    def _next_turn(self) -> None:
        self._turn = None
        self._take()
        self._announce()

    def _go_on(self) -> None:
        if self._full and not self._messages:
            self._take()
        self._announce()

    def _release(self) -> None:
        """The route has processed its message."""
        self._in_hand_bytes = 0
        if self._held_bytes:
            self._count()

    def _add(self, message: Message) -> None:
        self._begun_at = self._heard_at  # of the next one
        if not self._ignores:
            self._messages.append(message)
            self._messages_bytes += len(message.data)

    def _announce(self) -> None:
        """Let the route know of messages, or of the end."""
        if not (self._messages or self._is_at_end):
            return
        self._wake()
        if self._listening is None:
            if self._messages and self._listener is not None:
                self._listening = self._loop.create_task(self._listen(self._listener))
            elif self._is_at_end:
                gone, self._gone = self._gone, _ignore
                gone()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _listen(self, listener: OnMessage) -> None:
        try:
            while (message := self._next()) is not None:
                await listener(message)
                del message  # it may be large
        finally:
            self._listening = None
            self._announce()

    def _read_on(self, it_does: bool) -> None:
        if it_does != self._reading and not self._transport.is_closing():
            self._reading = it_does
            (self._transport.resume_reading if it_does else self._transport.pause_reading)()
        if it_does and self._reader.waits and not self._over:
            if self._timer is None:
                self._begun_at = self._heard_at
                self._timer = self._loop.call_later(self._pause_s, self._look)
        else:
            self._stop_clock()

    def _count(self) -> None:
        held_bytes = self._reader.kept_bytes + self._messages_bytes + self._in_hand_bytes
        if held_bytes <= WAITING_BYTES:
            held_bytes = 0
        if change_bytes := held_bytes - self._held_bytes:
            self._held_bytes = held_bytes
            try:
                self._hold(change_bytes)
            except LimitReached:
                self._stop(CROWDED)

    def _stop(self, closing: Closing) -> None:
        self._reader.end()
        self._count()
        self._refuse(closing)

    def _look(self) -> None:
        left_s = min(self._heard_at, self._begun_at + (MESSAGE_PAUSES - 1) * self._pause_s) + self._pause_s
        left_s -= self._loop.time()
        if left_s <= 0:
            self._timer = None
            self._stop(LATE)
        else:
            self._timer = self._loop.call_later(left_s, self._look)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _ignore(*_: object) -> None: ...
