"""Long work on the event loop. The test sets the clock: each step of work takes half a slice."""

import asyncio
from collections.abc import Iterator

import pytest

from interpreterd.processes import slices
from interpreterd.processes.slices import SLICE_S, Slices


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time in a list, which the test changes."""
    now = [0.0]
    monkeypatch.setattr(slices.time, "monotonic", lambda: now[0])
    return now


def work(clock: list[float], name: str, steps: int, done: list[str]) -> Iterator[None]:
    for step in range(steps):
        clock[0] += SLICE_S / 2
        done.append(f"{name}{step}")
        yield


async def test_what_is_short_is_done_at_once(clock: list[float]) -> None:
    done: list[str] = []
    future = Slices().start(work(clock, "a", 1, done))
    assert done == ["a0"]
    assert future.done()


async def test_what_is_long_lets_the_loop_turn_after_each_slice(clock: list[float]) -> None:
    done: list[str] = []
    future = Slices().start(work(clock, "a", 6, done))
    seen = []
    while not future.done():
        seen.append(len(done))
        await asyncio.sleep(0)
    assert seen == [2, 4, 6]


async def test_all_of_it_together_takes_a_slice_of_a_turn_and_what_is_short_does_not_wait_for_what_is_long(
    clock: list[float],
) -> None:
    done: list[str] = []
    it = Slices()
    long, short = it.start(work(clock, "a", 6, done)), it.start(work(clock, "b", 1, done))
    assert done == ["a0", "a1"], "this turn's time is used up"
    await short
    assert not long.done()
    await long
    assert done.index("b0") < done.index("a5")


async def test_work_that_fails_raises_in_its_waiter_and_the_rest_goes_on(clock: list[float]) -> None:
    def failing() -> Iterator[None]:
        yield
        raise OSError("why")

    done: list[str] = []
    it = Slices()
    failed, other = it.start(failing()), it.start(work(clock, "a", 4, done))
    with pytest.raises(OSError, match="why"):
        await failed
    await other
    assert len(done) == 4


async def test_work_goes_on_although_its_last_waiter_is_cancelled(clock: list[float]) -> None:
    done: list[str] = []
    it = Slices()
    it.start(work(clock, "a", 4, done)).cancel()
    await it.start(work(clock, "b", 4, done))
    assert len(done) == 8
