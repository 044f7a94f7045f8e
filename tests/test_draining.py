"""The daemon ends after its work: when none is left, when time is up, or when the end is hurried."""

import asyncio

import pytest

from interpreterd.draining import Ending, drained


async def test_it_ends_when_no_work_is_left() -> None:
    looks = iter([True, True, False])
    await drained(lambda: next(looks), Ending(), None)
    assert list(looks) == []


async def test_time_that_is_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await drained(lambda: True, Ending(), 0.01)
    assert caplog.messages == ["work is left after 0.01 s: it is ended"]


async def test_a_hurried_end_does_not_wait(caplog: pytest.LogCaptureFixture) -> None:
    ending = Ending()
    waiting = asyncio.create_task(drained(lambda: True, ending, 3600))
    await asyncio.sleep(0)
    ending.end(hurried=True)
    await waiting
    assert ending.asked.is_set()
    assert caplog.messages == []
