"""The journal of one execution: nothing is lost, nothing grows without a bound."""

import asyncio
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.journal import Journal, weight
from interpreterd.schema import EVENT_LIMIT_CHARS, Event, Finished, Outcome, Output, Restarted, Stream

END = Finished(outcome=Outcome.COMPLETED)


def out(text: str) -> Output:
    return Output(stream=Stream.STDOUT, text=text)


def err(text: str) -> Output:
    return Output(stream=Stream.STDERR, text=text)


class Room:
    """Counts how often there was room again."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def journal(*events: Event, limit_bytes: int = 1000, room: Room | None = None) -> Journal:
    it = Journal(limit_bytes, room or Room())
    for event in events:
        it.append(event)
    return it


async def read(it: Journal) -> list[Event]:
    return [event async for event in it.follow()]


async def test_events_come_in_order_up_to_the_last() -> None:
    events = [Restarted(), out("a"), err("b"), out("c"), END]
    assert await read(journal(*events)) == events


async def test_neighbours_of_one_stream_are_joined() -> None:
    assert await read(journal(out("a"), out("b"), err("c"), err("d"), out("e"), END)) == [
        out("ab"),
        err("cd"),
        out("e"),
        END,
    ]


async def test_what_is_joined_is_no_longer_than_an_event_may_be() -> None:
    half = "x" * (EVENT_LIMIT_CHARS // 2)
    events = await read(journal(out(half), out(half), out("y"), END, limit_bytes=1 << 30))
    assert events == [out(half + half), out("y"), END]


async def test_counts_of_what_was_replaced_are_added_up() -> None:
    pieces = [Output(stream=Stream.STDOUT, text="\ufffd" * n, replaced=n - 1) for n in (1, 2, 3)]
    assert await read(journal(*pieces, END)) == [Output(stream=Stream.STDOUT, text="\ufffd" * 6, replaced=3), END]


def test_weight_is_what_an_event_takes_in_memory() -> None:
    """Much for a short text; and a character up to four bytes."""
    assert [weight(out(character * 10_000)) // 10_000 for character in ("x", "é", "日", "👋")] == [1, 1, 2, 4]
    tracemalloc.start()
    try:
        for make, size in ((lambda number: f"{number:02}", 2), (lambda number: f"{number:09990}" + "👋" * 10, 10_000)):
            before, _ = tracemalloc.get_traced_memory()
            it = Journal(1, Room())
            for number in range(1000):
                it.append(out(make(number)))
            taken = tracemalloc.get_traced_memory()[0] - before
            counted = 1000 * weight(out(make(0)))
            assert 0.8 * taken < counted < 1.25 * taken, size
    finally:
        tracemalloc.stop()


async def test_a_reader_is_woken() -> None:
    it = journal()
    reader = asyncio.create_task(read(it))
    await asyncio.sleep(0)
    it.append(out("a"))
    await asyncio.sleep(0)
    it.append(out("b"))
    it.append(END)
    assert await reader == [out("a"), out("b"), END]


@given(st.lists(st.tuples(st.sampled_from([out, err]), st.text(min_size=1, max_size=5)), max_size=20))
def test_joining_loses_and_reorders_nothing(pieces: list[tuple[type[Output], str]]) -> None:
    written = [make(text) for make, text in pieces]
    read_back = asyncio.run(read(journal(*written, END)))
    assert read_back[-1] == END
    flat = [(event.stream, character) for event in read_back[:-1] for character in event.text]  # type: ignore[union-attr]
    assert flat == [(event.stream, character) for event in written for character in event.text]


async def test_full_from_the_limit_on_and_room_once_it_is_read() -> None:
    room = Room()
    it = journal(out("1234"), limit_bytes=weight(out("1234")) + weight(err("5")), room=room)
    assert not it.full
    it.append(err("5"))
    assert it.full
    it.append(err("6"))
    events = it.follow()
    assert await anext(events) == out("1234")
    assert not it.full
    assert room.calls == 1
    assert await anext(events) == err("56")
    assert room.calls == 1
    await events.aclose()


async def test_still_full_is_no_room() -> None:
    room = Room()
    it = journal(out("1"), err("2345"), out("6"), limit_bytes=weight(err("2345")), room=room)
    events = it.follow()
    await anext(events)
    assert it.full
    assert room.calls == 0
    await anext(events)
    assert room.calls == 1
    await events.aclose()


async def test_extend_makes_room_for_last_words() -> None:
    room = Room()
    it = journal(out("12345"), limit_bytes=weight(out("12345")), room=room)
    it.extend(weight(out("678")))
    assert not it.full
    assert room.calls == 1
    it.append(out("678"))
    assert it.full
    it.append(END)
    assert await read(it) == [out("12345678"), END]


def test_extending_what_stays_full_or_was_not_is_no_room() -> None:
    room = Room()
    it = journal(out("x" * 10), limit_bytes=5, room=room)
    it.extend(3)
    assert it.full
    journal(out("x"), limit_bytes=5, room=room).extend(3)
    assert room.calls == 0


def test_abandoned_it_is_never_full_and_keeps_nothing() -> None:
    room = Room()
    it = journal(out("12345"), limit_bytes=5, room=room)
    it.abandon()
    assert room.calls == 1
    it.append(out("x" * 100))
    assert not it.full
    it.append(END)
    it.abandon()
    assert room.calls == 1


def test_nothing_follows_the_end() -> None:
    with pytest.raises(AssertionError, match="ends once"):
        journal(END, out("late"))
