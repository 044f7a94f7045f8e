"""A bounded, numbered log of events, which all clients read.

One writer appends. Any number of followers read, each at its own pace, from any number on: past events are replayed,
later ones follow as they happen. The log keeps its newest events, up to a limit. A follower that asks for older ones,
or falls behind, gets a ``Gap`` with the numbers of the missing events, and goes on.

One follower may be the *client* of the execution, which started it. No event is dropped that the client has not read;
beyond a backlog of unread events the journal is ``full``. The writer then stops reading from the worker, and the
program waits in its ``write``.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, Protocol, Self, TypeVar

from interpreterd.contexts.ledger import Ledger, Unlimited
from interpreterd.model.events import Gap
from interpreterd.monitoring.counts import count_gap


class Entry(Protocol):
    """What a journal has to know of what it keeps; ``Event`` has the meanings."""

    @property
    def kept_bytes(self) -> int: ...

    @property
    def counts_as_backlog(self) -> bool: ...


FREE_EVENTS: Final = 16  # of kinds of which there are few: an execution has five
READY_BYTES: Final = 32 << 10  # of small events that are handed out together; large output comes piece by piece
_E = TypeVar("_E", bound=Entry)


class Journal(Generic[_E]):
    """The log. Numbers count from 0 without a gap.

    Attributes:
        limit_bytes: The size that it keeps, not counting events that its client has not read.
        on_attendance: Called when a follower comes or goes.
    """

    def __init__(
        self,
        *,
        limit_bytes: int,
        backlog_bytes: int = 0,
        on_room: Callable[[], None] | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Keep ``limit_bytes``. With ``on_room`` it has a ``client``, and is full from ``backlog_bytes`` on.

        ``on_room`` is called when the journal was full and is not full any more.
        """
        self.limit_bytes = limit_bytes
        self.on_attendance: Callable[[], object] = int  # does nothing
        self._backlog_bytes = backlog_bytes
        self._on_room = on_room
        self._ledger = ledger or Unlimited()
        self._events: deque[_E] = deque()
        self._sizes: deque[int] = deque()  # as they were charged
        self._first = self._bytes = self._unread_bytes = 0
        self._free = FREE_EVENTS
        self._free_before = sys.maxsize  # events from this number on count as backlog, whatever their kind says
        self._ended = False
        self._followers: list[Follower[_E]] = []
        self._client = None if on_room is None else Follower(self, 0)

    @property
    def client(self) -> "Follower[_E]":
        """The follower for the client that started the execution; ``stop`` it when that client disconnects."""
        assert self._client is not None, "its client has gone, or there was none"
        return self._client

    @property
    def has_client(self) -> bool:
        """Whether there is a client that has not disconnected."""
        return self._client is not None

    @property
    def attended(self) -> bool:
        """Whether it has followers."""
        return bool(self._followers)

    @property
    def followers(self) -> int:
        """How many followers it has, its client included."""
        return len(self._followers)

    @property
    def followers_behind(self) -> int:
        """How many of them have events to read."""
        return sum(it.next < self.next for it in self._followers)

    @property
    def full(self) -> bool:
        """Whether the writer has to wait for ``on_room``."""
        return self._client is not None and self._unread_bytes >= self._backlog_bytes

    @property
    def first(self) -> int:
        """The number of the oldest event that it still has."""
        return self._first

    @property
    def next(self) -> int:
        """The number of the next event."""
        return self._first + len(self._events)

    @property
    def ended(self) -> bool:
        """Whether no more events come."""
        return self._ended

    @property
    def bytes(self) -> int:
        """The memory that it takes, roughly, in bytes."""
        return self._bytes

    def append(self, event: _E, *, last: bool = False) -> None:
        """Add an event; never blocks. Nothing may follow the ``last`` one."""
        assert not self._ended, "an execution ends once"
        size_bytes = event.kept_bytes
        self._ended = last
        self._events.append(event)
        self._sizes.append(size_bytes)
        if self._client is not None and (event.counts_as_backlog or self._counts_anyway()):
            self._unread_bytes += size_bytes
        self._bytes += size_bytes
        for follower in self._followers:
            follower.wake()
        self._ledger.charge(self, size_bytes)
        if self._bytes > self.limit_bytes:
            self.trim(self.limit_bytes)

    def _counts_anyway(self) -> bool:
        """Whether the newest event counts as backlog although its kind does not: only a few of these are free."""
        number = self.next - 1
        if number >= self._free_before:
            return True
        self._free -= 1
        if not self._free:
            self._free_before = number + 1
        return False

    def close(self) -> None:
        """No more events come; existing ones can still be read."""
        self._ended = True
        for follower in [*self._followers]:
            follower.wake()

    def trim(self, limit_bytes: int) -> None:
        """Drop old events down to ``limit_bytes``, but not the newest one, and none that the client has not read."""
        end = self.next - 1 if self._client is None else min(self._client.next, self.next - 1)
        freed_bytes = 0
        while self._bytes - freed_bytes > limit_bytes and self._first < end:
            self._events.popleft()
            freed_bytes += self._sizes.popleft()
            self._first += 1
        if freed_bytes:
            self._bytes -= freed_bytes
            self._ledger.charge(self, -freed_bytes)

    def release(self) -> None:
        """Leave the ledger, and keep only events that the client has not read; other followers get a gap."""
        self._ledger.charge(self, -self._bytes)
        self._ledger = Unlimited()
        self.limit_bytes = 0
        self.trim(0)

    def extend(self, size_bytes: int) -> None:
        """Be full only ``size_bytes`` later, so that a program that waits in ``write`` can come to its end."""
        was_full = self.full
        self._backlog_bytes += size_bytes
        self._tell_room(was_full)

    def follow(self, start: int = 0) -> "Follower[_E]":
        """Return a follower that begins with the event ``start``, which may be a future one."""
        return Follower(self, start)

    # For Follower
    def take(self, number: int) -> _E:
        return self._events[number - self._first]

    def kept_bytes(self, number: int) -> int:
        """Return the size of the event ``number``; 0 if it is not there."""
        return self._sizes[number - self._first] if self._first <= number < self.next else 0

    def add_follower(self, follower: "Follower[_E]") -> None:
        self._followers.append(follower)
        self.on_attendance()

    def remove_follower(self, follower: "Follower[_E]") -> None:
        if follower in self._followers:
            self._followers.remove(follower)
        if follower is self._client:
            was_full = self.full
            self._client = None
            self._unread_bytes = 0
            self._tell_room(was_full)
            self._on_room = None  # it keeps a whole context, and this journal is kept for longer
            if self._bytes > self.limit_bytes:
                self.trim(self.limit_bytes)
        self.on_attendance()

    def was_read(self, follower: "Follower[_E]", number: int, event: _E) -> None:
        if follower is self._client and (event.counts_as_backlog or number >= self._free_before):
            was_full = self.full
            self._unread_bytes -= self._sizes[number - self._first]
            self._tell_room(was_full)

    def _tell_room(self, was_full: bool) -> None:
        if was_full and not self.full and self._on_room is not None:
            self._on_room()


class Follower(Generic[_E]):
    """A reader's place in a journal: an async iterator of numbers and events, up to the last one or to ``stop``."""

    def __init__(self, journal: Journal[_E], start: int) -> None:
        """See ``Journal.follow``."""
        self._at = start
        self._journal = journal
        self._stopped = False
        self._wake: asyncio.Future[None] | None = None
        journal.add_follower(self)

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> tuple[int, _E | Gap]:
        """Return the next event, or a ``Gap`` with the number of its last one."""
        while not self._stopped:
            if (taken := self._take()) is not None:
                return taken
            if self._journal.ended:
                self.stop()
                break
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        raise StopAsyncIteration

    async def ready(self) -> list[tuple[int, _E | Gap]]:
        """Return all events that are there, once there is one: the first, and up to ``READY_BYTES`` after it.

        All of them count as read. An empty list comes after the last event, or after ``stop``.
        """
        if (taken := await anext(self, None)) is None:
            return []
        events = [taken]
        size_bytes = 0
        while (more := self._journal.kept_bytes(self._at)) and (size_bytes := size_bytes + more) <= READY_BYTES:
            if self._stopped or (taken := self._take()) is None:
                break
            events.append(taken)
        return events

    def _take(self) -> tuple[int, _E | Gap] | None:
        journal = self._journal
        if self._at < journal.first:
            gap = Gap(first=self._at, last=journal.first - 1)
            count_gap(gap.last - gap.first + 1)
            self._at = journal.first
            return gap.last, gap
        if self._at < journal.next:
            number = self._at
            event = journal.take(number)
            self._at += 1
            journal.was_read(self, number, event)
            return number, event
        return None

    @property
    def next(self) -> int:
        """The number of the next event that it reads."""
        return self._at

    @property
    def at_end(self) -> bool:
        """Whether all events have been read, and no more come."""
        return self._journal.ended and self._at >= self._journal.next

    def stop(self) -> None:
        """Read no more; a waiting reader comes to the end. Repeating it changes nothing."""
        if not self._stopped:
            self._stopped = True
            self._journal.remove_follower(self)
            self.wake()

    def wake(self) -> None:
        """Look again; for the journal."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
