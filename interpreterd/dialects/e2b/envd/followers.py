"""Followers of what happens: each gets every event, and what happens waits for the slowest of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Generic, TypeVar

_E = TypeVar("_E")
ROOM: Final = 4  # events that a follower may leave unread


class EventReader(Generic[_E]):
    """One reader of events, from the moment on in which it was added."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[_E | None] = asyncio.Queue(ROOM)
        self._stopped = False

    async def put(self, event: _E | None) -> None:
        """Give it an event, when it has room; None is the end. A stopped one takes none."""
        if not self._stopped:
            await self._queue.put(event)

    async def events(self, keepalive_s: float | None) -> AsyncIterator[_E | None]:
        """Yield the events up to the end; None whenever there was none for ``keepalive_s``."""
        while not self._stopped:
            try:
                async with asyncio.timeout(keepalive_s):
                    event = await self._queue.get()
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            yield event

    def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        while not self._queue.empty():  # who waits for room goes on
            self._queue.get_nowait()


class Followers(Generic[_E]):
    """All followers of one thing."""

    def __init__(self) -> None:
        self._all: list[EventReader[_E]] = []

    def add(self) -> EventReader[_E]:
        """Return a new follower, which has to be given to ``remove``."""
        follower = EventReader[_E]()
        self._all.append(follower)
        return follower

    def remove(self, follower: EventReader[_E]) -> None:
        """Stop ``follower``. Repeating it changes nothing."""
        follower.stop()
        if follower in self._all:
            self._all.remove(follower)

    async def tell(self, event: _E) -> None:
        """Give all an event, once each has room."""
        for follower in list(self._all):
            await follower.put(event)

    async def end(self) -> None:
        """No more events come."""
        for follower in list(self._all):
            await follower.put(None)
        self._all.clear()
