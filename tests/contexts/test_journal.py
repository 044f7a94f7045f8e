"""The journal numbers events, is bounded and has many readers. Its client gets every event."""

import asyncio
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.contexts.journal import Journal
from interpreterd.model.events import EVENT_BYTES, Event, Finished, Gap, Outcome, Output, Restarted, Stream

END = Finished(outcome=Outcome.COMPLETED)
MUCH = 1 << 30


def out(text: str) -> Output:
    return Output(stream=Stream.STDOUT, text=text)


def err(text: str) -> Output:
    return Output(stream=Stream.STDERR, text=text)


PIECE = out("1").kept_bytes


class Room:
    """Counts the calls of ``on_room``."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


class Sum:
    """A ledger that only adds up."""

    def __init__(self) -> None:
        self.bytes = 0

    def charge(self, journal: Journal[Event], change_bytes: int) -> None:
        self.bytes += change_bytes


def write(it: Journal[Event], *events: Event) -> Journal[Event]:
    for event in events:
        it.append(event, last=event.is_last)
    return it


def journal(*events: Event, backlog_bytes: int = MUCH, room: Room | None = None, limit: int = MUCH) -> Journal[Event]:
    """Return a journal that has a client."""
    return write(Journal(limit_bytes=limit, backlog_bytes=backlog_bytes, on_room=room or Room()), *events)


def log(*events: Event, limit: int = MUCH) -> Journal[Event]:
    """Return a journal without a client."""
    return write(Journal(limit_bytes=limit), *events)


async def read(it: Journal[Event], start: int = 0) -> list[tuple[int, Event | Gap]]:
    return [numbered async for numbered in it.follow(start)]


async def test_events_come_numbered_and_in_order_up_to_the_last() -> None:
    events = [Restarted(), out("a"), err("b"), out("c"), END]
    it = journal(*events)
    assert [numbered async for numbered in it.client] == list(enumerate(events))
    assert await read(it) == list(enumerate(events))


async def test_it_is_replayed_from_any_number() -> None:
    it = log(out("a"), out("b"), END)
    assert await read(it, 1) == [(1, out("b")), (2, END)]
    assert await read(it, 2) == [(2, END)]
    assert await read(it, 3) == []
    assert await read(it, 99) == []


async def test_followers_are_woken_each() -> None:
    it = log(out("a"))
    readers = [asyncio.create_task(read(it, start)) for start in (0, 1, 2)]
    await asyncio.sleep(0)
    write(it, out("b"))
    await asyncio.sleep(0)
    write(it, out("c"), END)
    events = [(0, out("a")), (1, out("b")), (2, out("c")), (3, END)]
    assert await asyncio.gather(*readers) == [events, events[1:], events[2:]]


async def test_a_follower_that_is_stopped_is_let_go() -> None:
    it = log(out("a"))
    follower = it.follow()
    assert await anext(follower) == (0, out("a"))
    waiting = asyncio.create_task(anext(follower, None))
    await asyncio.sleep(0)
    follower.stop()
    follower.stop()
    assert await waiting is None


# The events that it keeps


async def test_beyond_its_limit_the_oldest_go_and_a_gap_says_which() -> None:
    it = log(*[out(str(number)) for number in range(10)], END, limit=3 * EVENT_BYTES + 200)
    assert it.first == 8
    assert it.bytes <= it.limit_bytes
    assert await read(it) == [(7, Gap(first=0, last=7)), (8, out("8")), (9, out("9")), (10, END)]
    assert await read(it, 5) == [(7, Gap(first=5, last=7)), (8, out("8")), (9, out("9")), (10, END)]


async def test_the_newest_event_stays_however_large() -> None:
    it = log(out("a"), out("x" * 1000), limit=10)
    assert (it.first, it.next) == (1, 2)


async def test_a_slow_follower_gets_a_gap_and_goes_on() -> None:
    it = log(out("a"), out("b"), limit=2 * EVENT_BYTES + 150)
    slow = it.follow()
    assert await anext(slow) == (0, out("a"))
    write(it, out("c"), out("d"), out("e"))
    assert await anext(slow) == (2, Gap(first=1, last=2))
    assert await anext(slow) == (3, out("d"))


async def test_nothing_goes_that_the_client_has_not_read() -> None:
    it = journal(*[out(str(number)) for number in range(10)], END, limit=1)
    assert it.first == 0
    events = [event async for _, event in it.client]
    assert events == [*[out(str(number)) for number in range(10)], END]


async def test_events_that_the_client_has_read_are_dropped() -> None:
    it = journal(out("a"), out("b"), limit=1)
    await anext(it.client)
    await anext(it.client)
    write(it, out("c"))
    assert it.first == 2


async def test_once_the_client_has_gone_the_limit_holds() -> None:
    it = journal(out("a"), out("b"), END, limit=1)
    it.client.stop()
    assert it.first == 2


@given(st.lists(st.integers(0, 400), max_size=30), st.integers(0, 3000), st.integers(0, 40))
def test_whatever_it_keeps_readers_know_of_every_number(sizes: list[int], limit: int, start: int) -> None:
    it = log(*[out("x" * (size + 1)) for size in sizes], END, limit=limit)
    seen: list[int] = []
    for number, event in asyncio.run(read(it, start)):
        seen += range(event.first, event.last + 1) if isinstance(event, Gap) else [number]
    assert seen == list(range(start, len(sizes) + 1))


def test_a_ledger_knows_the_sum() -> None:
    ledger = Sum()
    it: Journal[Event] = Journal(limit_bytes=3 * EVENT_BYTES, ledger=ledger)
    for text in "abcdef":
        it.append(out(text))
        assert ledger.bytes == it.bytes > 0
    it.trim(0)
    assert ledger.bytes == it.bytes
    it.release()
    assert ledger.bytes == 0


def test_what_readers_do_with_an_event_does_not_change_what_it_counts() -> None:
    """A ``str`` grows when it is encoded, because it caches its UTF-8."""
    ledger = Sum()
    events = [out("é" * 1000), out("日" * 1000), out("x")]
    it: Journal[Event] = write(Journal(limit_bytes=MUCH, ledger=ledger), *events)
    counted = it.bytes
    before = sum(sys.getsizeof(event.text) for event in events)
    for event in events:
        orjson.dumps(event.text)
    assert before < sum(sys.getsizeof(event.text) for event in events) < counted
    it.trim(0)
    assert it.bytes == ledger.bytes == events[-1].kept_bytes


async def test_released_it_keeps_only_what_its_client_has_not_read() -> None:
    it = journal(out("a"), out("b"), out("c"), END)
    await anext(it.client)
    it.release()
    assert [event async for _, event in it.client] == [out("b"), out("c"), END]
    assert await read(it) == [(2, Gap(first=0, last=2)), (3, END)]


# Back-pressure


async def test_full_from_the_backlog_on_and_room_once_it_is_read() -> None:
    room = Room()
    it = journal(out("1"), backlog_bytes=2 * PIECE, room=room)
    assert not it.full
    write(it, err("5"))
    assert it.full
    assert await anext(it.client) == (0, out("1"))
    assert not it.full
    assert room.calls == 1
    await anext(it.client)
    assert room.calls == 1


async def test_still_full_is_no_room() -> None:
    room = Room()
    it = journal(out("1"), err("2"), out("3"), backlog_bytes=2 * PIECE, room=room)
    await anext(it.client)
    assert it.full
    assert room.calls == 0
    await anext(it.client)
    assert room.calls == 1


async def test_other_followers_make_no_room_and_are_not_waited_for() -> None:
    room = Room()
    it = journal(out("12345"), backlog_bytes=5, room=room)
    other = it.follow()
    await anext(other)
    assert it.full
    assert room.calls == 0
    await anext(it.client)
    assert not it.full
    assert not log(out("12345")).full


def test_extend_makes_room_for_last_words() -> None:
    room = Room()
    it = journal(out("1"), backlog_bytes=PIECE, room=room)
    it.extend(PIECE)
    assert not it.full
    assert room.calls == 1
    write(it, out("2"))
    assert it.full


def test_extending_what_stays_full_or_was_not_is_no_room() -> None:
    room = Room()
    it = journal(out("1"), out("2"), backlog_bytes=PIECE - 1, room=room)
    it.extend(PIECE)
    assert it.full
    journal(out("1"), backlog_bytes=2 * PIECE, room=room).extend(PIECE)
    assert room.calls == 0


def test_without_its_client_it_is_never_full() -> None:
    room = Room()
    it = journal(out("12345"), backlog_bytes=5, room=room)
    it.client.stop()
    assert room.calls == 1
    write(it, out("x" * 100), END)
    assert not it.full
    assert room.calls == 1


def test_nothing_follows_the_end() -> None:
    with pytest.raises(AssertionError, match="ends once"):
        journal(END, out("late"))
