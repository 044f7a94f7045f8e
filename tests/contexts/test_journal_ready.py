"""A follower hands out together what is ready together: bounded, in order, and counted as read only then."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from interpreterd.contexts.journal import READY_BYTES, Follower, Journal
from interpreterd.model.events import Event, Finished, Gap, Outcome, Output, Restarted, Stream

END = Finished(outcome=Outcome.COMPLETED)
MUCH = 1 << 30


def out(text: str) -> Output:
    return Output(stream=Stream.STDOUT, text=text)


def journal(*events: Event, limit_bytes: int = MUCH, backlog_bytes: int = MUCH) -> Journal[Event]:
    """Return a journal with a client, which has ``events``."""
    it: Journal[Event] = Journal(limit_bytes=limit_bytes, backlog_bytes=backlog_bytes, on_room=lambda: None)
    for event in events:
        it.append(event, last=event.is_last)
    return it


async def in_turns(follower: Follower[Event]) -> list[list[tuple[int, Event | Gap]]]:
    """Return what each call of ``ready`` returns, up to the end."""
    turns = []
    while turn := await follower.ready():
        turns.append(turn)
    return turns


async def test_what_is_there_comes_together() -> None:
    events = [Restarted(), out("a"), out("b"), END]
    it = journal(*events)
    assert await in_turns(it.client) == [list(enumerate(events))]
    assert await in_turns(it.follow(2)) == [list(enumerate(events))[2:]]
    assert await in_turns(it.follow(4)) == []


async def test_it_waits_for_one_event_and_not_for_more() -> None:
    it = journal()
    waiting = asyncio.create_task(it.client.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    it.append(out("a"))
    assert await waiting == [(0, out("a"))]


async def test_a_follower_that_is_stopped_gets_nothing_more() -> None:
    it = journal()
    follower = it.follow()
    waiting = asyncio.create_task(follower.ready())
    await asyncio.sleep(0)
    follower.stop()
    assert await waiting == []
    it.append(out("a"))
    assert await follower.ready() == []


async def test_large_events_come_alone() -> None:
    large = out("x" * READY_BYTES)
    it = journal(large, large, END)
    assert [len(turn) for turn in await in_turns(it.client)] == [1, 2]
    it = journal(out("a"), large, END)
    assert [[number for number, _ in turn] for turn in await in_turns(it.client)] == [[0], [1, 2]]


@given(
    sizes=st.lists(st.sampled_from([1, 100, 5_000, READY_BYTES]), max_size=40),
    limit_bytes=st.sampled_from([1, 10_000, MUCH]),
    start=st.integers(0, 5),
)
def test_no_event_is_lost_and_no_turn_is_too_large(sizes: list[int], limit_bytes: int, start: int) -> None:
    it: Journal[Event] = Journal(limit_bytes=limit_bytes)
    events = [*(out("x" * size) for size in sizes), END]
    for event in events:
        it.append(event, last=event.is_last)
    turns = asyncio.run(in_turns(it.follow(start)))
    told = start
    for number, event in (numbered for turn in turns for numbered in turn):
        assert (event.first if isinstance(event, Gap) else number) == told
        told = number + 1
    assert told == max(start, len(events))
    for turn in turns:
        assert sum(event.kept_bytes for _, event in turn[1:] if isinstance(event, Event)) <= READY_BYTES


async def test_a_gap_is_followed_by_what_is_still_there() -> None:
    piece = out("x" * 1000)
    it = journal(*[piece] * 5, limit_bytes=2 * piece.kept_bytes)
    slow = it.follow()
    it.client.stop()
    assert await slow.ready() == [(2, Gap(first=0, last=2)), (3, piece), (4, piece)]


async def test_a_journal_stays_full_while_its_client_asks_for_nothing() -> None:
    piece = out("x" * 1000)
    at_once = 1 + READY_BYTES // piece.kept_bytes
    it = journal(*[piece] * 3 * at_once, backlog_bytes=piece.kept_bytes)
    for left in (2 * at_once, at_once):
        assert len(await it.client.ready()) == at_once
        assert it.full
        assert it.next - it.client.next == left
    await it.client.ready()
    assert not it.full
