"""The events of one execution, on their way from the worker to the client that follows it."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from interpreterd.schema import EVENT_LIMIT_CHARS, Event, Finished, Output

EVENT_BYTES: Final = 72  # an event without its text, and its place in the queue


def weight(event: Output) -> int:
    """Return how many bytes of memory ``event`` takes: up to four for a character, and much for a short text."""
    return sys.getsizeof(event.text) + EVENT_BYTES


class Journal:
    """A queue of events with one writer and at most one reader.

    It never drops what its reader has not read. Instead it is ``full`` beyond ``limit_bytes`` of output: the writer
    then stops reading from the worker, and the program waits in its ``write``. Once the reader has caught up,
    ``on_room`` is called. Without a reader any more (``abandon``) events are dropped, and it is never full.
    """

    def __init__(self, limit_bytes: int, on_room: Callable[[], None], *, execution_id: str = "") -> None:
        """Be full from ``limit_bytes`` of memory on, as ``weight`` counts them."""
        self.execution_id = execution_id
        self._limit_bytes = limit_bytes
        self._on_room = on_room
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._abandoned = False
        self._finished = False
        self._wake: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether the writer is to wait for ``on_room``."""
        return self._bytes >= self._limit_bytes

    def append(self, event: Event) -> None:
        """Add an event; never blocks. Nothing may follow ``Finished``."""
        assert not self._finished, "an execution ends once"
        self._finished = isinstance(event, Finished)
        if self._abandoned:
            return
        if isinstance(event, Output):
            self._bytes += weight(event)
        self._events.append(event)
        self._wake_reader()

    def extend(self, size: int) -> None:
        """Be full only ``size`` bytes later, so that a program which waits in ``write`` can come to its end."""
        was_full = self.full
        self._limit_bytes += size
        if was_full and not self.full:
            self._on_room()

    def abandon(self) -> None:
        """Drop what has not been read, and all that comes; who follows is let go."""
        was_full = self.full
        self._abandoned = True
        self._wake_reader()
        self._events.clear()
        self._bytes = 0
        if was_full:
            self._on_room()

    async def follow(self) -> AsyncIterator[Event]:
        """Yield the events up to ``Finished``, or to ``abandon``, neighbouring output of one stream joined."""
        while not self._abandoned:
            if not self._events:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
                continue
            event = self._next()
            yield event
            if isinstance(event, Finished):
                return

    def _wake_reader(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _next(self) -> Event:
        was_full = self.full
        event = self._events.popleft()
        if isinstance(event, Output):
            self._bytes -= weight(event)
            pieces = [event.text]
            chars = len(event.text)
            replaced = event.replaced
            while (
                self._events
                and isinstance(following := self._events[0], Output)
                and following.stream is event.stream
                and chars + len(following.text) <= EVENT_LIMIT_CHARS
            ):
                pieces.append(following.text)
                chars += len(following.text)
                replaced += following.replaced
                self._bytes -= weight(following)
                self._events.popleft()
            if len(pieces) > 1:
                event = Output(stream=event.stream, text="".join(pieces), replaced=replaced)
            if was_full and not self.full:
                self._on_room()
        return event
