"""The usage of contexts is measured once at a time, however many clients ask."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from interpreterd.model.context_info import Usage
from interpreterd.processes import usage
from interpreterd.processes.usage import UsageMeter

USED = Usage(cpu_s=1, memory_bytes=2, processes=3)


@pytest.fixture
def two() -> Iterator[tuple[int, int]]:
    """Yield the pids of two processes."""
    command = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as one,
        subprocess.Popen(command, stdin=subprocess.PIPE) as other,
    ):
        yield one.pid, other.pid
        one.communicate(b"\n")
        other.communicate(b"\n")


class Blocked:
    """Stands for the look at processes; it blocks until the test releases it.

    Attributes:
        looks: The pids of each look.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.looks: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self._loop = loop

    def __call__(self, pids: list[int], copies: object) -> dict[int, Usage]:
        self.looks.append(pids)
        self._loop.call_soon_threadsafe(self.begun.release)
        self.go_on.acquire()
        return dict.fromkeys(pids, USED)


async def test_one_look_runs_at_a_time_and_later_requests_share_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Blocked(asyncio.get_running_loop())
    monkeypatch.setattr(usage, "_usages", look)
    pids = [1]
    try:
        async with asyncio.TaskGroup() as tasks:
            meter = UsageMeter(tasks, lambda: pids)
            first = asyncio.create_task(meter.take())
            await look.begun.acquire()
            pids.append(2)  # the running look does not include this pid
            others = [asyncio.create_task(meter.take()) for _ in range(5)]
            for _ in range(10):  # enough turns for a second look to begin, if it did not wait
                await asyncio.sleep(0)
            others.pop().cancel()
            pids.append(3)
            assert look.looks == [[1]]
            look.go_on.release(2)
            assert await first == {1: USED}
            assert await asyncio.gather(*others) == [{1: USED, 2: USED, 3: USED}] * 4
            assert look.looks == [[1], [1, 2, 3]]
            look.go_on.release()
            await meter.take()
            assert len(look.looks) == 3, "nothing is kept for those who ask later"
    finally:
        look.go_on.release(9)  # no thread stays blocked, even if the test fails


@pytest.mark.parametrize("error", [OSError("too many open files"), RuntimeError("can't start new thread")])
async def test_a_look_that_fails_shows_no_usage_and_ends_no_context(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(usage, "_usages", raising(error))
    async with asyncio.TaskGroup() as tasks:
        assert await UsageMeter(tasks, lambda: [1]).take() == {}
    assert f"the usage of contexts could not be read: {error}" in caplog.text


def raising(error: Exception) -> Callable[[list[int]], dict[int, Usage]]:
    def look(pids: list[int], copies: object) -> dict[int, Usage]:
        raise error

    return look


async def test_a_look_that_does_not_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    look = Blocked(asyncio.get_running_loop())
    monkeypatch.setattr(usage, "_usages", look)
    try:
        async with asyncio.TaskGroup() as tasks:
            meter = UsageMeter(tasks, lambda: [1])
            with monkeypatch.context() as patch:
                patch.setattr(usage, "STUCK_S", 0.01)
                assert [await meter.take() for _ in range(3)] == [{}] * 3
            assert "the usage of contexts could not be read within 0.01 s" in caplog.text
            assert len(look.looks) <= 1, "no thread beside the one that is stuck"
            look.go_on.release(9)
            assert await meter.take() == {1: USED}
    finally:
        look.go_on.release(9)


async def test_parked_copies_count_with_their_worker(two: tuple[int, int]) -> None:
    worker, copy = two
    async with asyncio.TaskGroup() as tasks:
        alone = await UsageMeter(tasks, lambda: [worker]).take()
        both = await UsageMeter(tasks, lambda: [worker], lambda: {worker: (copy,), 1: (2,)}).take()
    assert [alone[worker].processes, both[worker].processes] == [1, 2]
    assert list(both) == [worker]


def test_copies_of_a_process_that_is_gone_are_nobody_s() -> None:
    assert usage.Snapshot().family(2**22 + 1, (os.getpid(),)) == []


def test_copies_in_the_making_do_not_count_but_what_they_have_started_does(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "sleep 1000 & sh -c 'sleep 1000 & wait' & sh -c 'sleep 1000 & wait' & echo; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            while len(everything := usage.Snapshot().family(process.pid)) < 6:
                pass
            middle = process.pid
            for copies, counted in ((1, 4), (3, 2)):
                monkeypatch.setitem(usage.middles, middle, copies)
                assert len(usage.Snapshot().family(middle)) == counted, everything
            monkeypatch.delitem(usage.middles, middle)
            assert len(usage.Snapshot().family(middle)) == 6
        finally:
            os.killpg(process.pid, signal.SIGKILL)
