"""The events of one execution, on their way from the worker to the client that follows it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from interpreterd.schema import EVENT_LIMIT_CHARS, Event, Finished, Output


class Journal:
    """A queue of events with one writer and at most one reader.

    It never drops what its reader has not read. Instead it is ``full`` beyond ``limit_chars`` of output: the writer
    then stops reading from the worker, and the program waits in its ``write``. Once the reader has caught up,
    ``on_room`` is called. Without a reader any more (``abandon``) events are dropped, and it is never full.
    """

    def __init__(self, limit_chars: int, on_room: Callable[[], None], *, execution_id: str = "") -> None:
        """Be full from ``limit_chars`` characters on."""
        self.execution_id = execution_id
        self._limit_chars = limit_chars
        self._on_room = on_room
        self._events: deque[Event] = deque()
        self._chars = 0
        self._abandoned = False
        self._finished = False
        self._wake: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether the writer is to wait for ``on_room``."""
        return self._chars >= self._limit_chars

    def append(self, event: Event) -> None:
        """Add an event; never blocks. Nothing may follow ``Finished``."""
        assert not self._finished, "an execution ends once"
        self._finished = isinstance(event, Finished)
        if self._abandoned:
            return
        if isinstance(event, Output):
            self._chars += len(event.text)
        self._events.append(event)
        self._wake_reader()

    def extend(self, chars: int) -> None:
        """Be full only ``chars`` characters later, so that a program which waits in ``write`` can come to its end."""
        was_full = self.full
        self._limit_chars += chars
        if was_full and not self.full:
            self._on_room()

    def abandon(self) -> None:
        """Drop what has not been read, and all that comes; who follows is let go."""
        was_full = self.full
        self._abandoned = True
        self._wake_reader()
        self._events.clear()
        self._chars = 0
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
                self._events.popleft()
            if len(pieces) > 1:
                event = Output(stream=event.stream, text="".join(pieces), replaced=replaced)
            self._chars -= chars
            if was_full and not self.full:
                self._on_room()
        return event
