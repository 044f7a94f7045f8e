"""Each follower gets every event, and what happens waits for the slowest."""

import asyncio

from interpreterd.dialects.e2b.envd.followers import ROOM, Followers


async def test_each_follower_gets_every_event() -> None:
    all_of_them = Followers[int]()
    followers = [all_of_them.add() for _ in range(2)]
    for number in range(ROOM - 1):
        await all_of_them.tell(number)
    await all_of_them.end()
    for follower in followers:
        assert [event async for event in follower.events(None)] == list(range(ROOM - 1))


async def test_what_happens_waits_for_the_slowest() -> None:
    all_of_them = Followers[int]()
    slow = all_of_them.add()
    for number in range(ROOM):
        await all_of_them.tell(number)
    waiting = asyncio.create_task(all_of_them.tell(ROOM))
    events = slow.events(None)
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await anext(events) == 0
    await waiting
    assert await anext(events) == 1


async def test_a_follower_that_leaves_holds_up_nothing() -> None:
    all_of_them = Followers[int]()
    gone = all_of_them.add()
    for number in range(ROOM):
        await all_of_them.tell(number)
    waiting = asyncio.create_task(all_of_them.tell(ROOM))
    await asyncio.sleep(0)
    all_of_them.remove(gone)
    all_of_them.remove(gone)
    await waiting
    for number in range(2 * ROOM):
        await all_of_them.tell(number)
    assert [event async for event in gone.events(None)] == []


async def test_silence_is_told() -> None:
    follower = Followers[int]().add()
    events = follower.events(0.0)
    assert await anext(events) is None
    await follower.put(1)
    assert [await anext(events) for _ in range(2)] == [1, None]
