"""Timers by name."""

import asyncio

from interpreterd.contexts.timers import Timers


async def test_a_timer_says_its_name_and_is_forgotten() -> None:
    fired: asyncio.Queue[str] = asyncio.Queue()
    timers = Timers()
    timers.set("timeout", 0, fired.put_nowait)
    timers.set("grace", 1000, fired.put_nowait)
    assert timers.names == ["timeout", "grace"]
    assert await fired.get() == "timeout"
    assert timers.names == ["grace"]
    timers.close()


async def test_a_timer_that_fires_may_be_set_again_at_once() -> None:
    fired: asyncio.Queue[str] = asyncio.Queue()
    timers = Timers()
    timers.set("grace", 0, lambda name: timers.set(name, 0, fired.put_nowait))
    assert await fired.get() == "grace"
    assert timers.names == []


async def test_what_is_cleared_does_not_fire() -> None:
    fired: asyncio.Queue[str] = asyncio.Queue()
    timers = Timers()
    timers.set("timeout", 0, fired.put_nowait)
    timers.set("grace", 0, fired.put_nowait)
    timers.clear("timeout")
    timers.clear("timeout")
    assert await fired.get() == "grace"
    timers.set("grace", 0, fired.put_nowait)
    timers.set("timeout", 0, fired.put_nowait)
    timers.close()
    timers.set("given up", 0, fired.put_nowait)  # set last, so the closed timers would have fired before it
    assert await fired.get() == "given up"
