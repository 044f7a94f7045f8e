"""Background tasks: an error in one is logged and does not end another."""

import asyncio
import gc
import logging

import pytest

from interpreterd.background import in_thread, mark_seen, supervised

_log = logging.getLogger(__name__)


async def fail() -> None:
    raise ZeroDivisionError("a mistake")


async def test_a_mistake_is_logged_and_the_other_tasks_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.TaskGroup() as tasks:
        go_on = asyncio.Event()
        other = tasks.create_task(go_on.wait())
        await supervised(tasks, fail(), _log, "context %s could not be ended", "c")
        go_on.set()
        assert await other
    (record,) = caplog.records
    assert record.getMessage() == "context c could not be ended"
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_what_is_cancelled_is_no_mistake_whether_it_has_begun_or_not(caplog: pytest.LogCaptureFixture) -> None:
    begun, cleaned_up = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.set()

    loop = asyncio.get_running_loop()
    at_once = supervised(loop, work(), _log, "this is not said")
    at_once.cancel()  # else Python warns of a coroutine that is never awaited, and a warning fails a test
    later = supervised(loop, work(), _log, "this is not said")
    await begun.wait()
    later.cancel()
    assert await asyncio.gather(at_once, later, return_exceptions=True) != [None, None]
    assert at_once.cancelled()
    assert later.cancelled()
    assert cleaned_up.is_set()
    assert caplog.records == []


async def test_what_ends_well_is_not_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    await supervised(asyncio.get_running_loop(), work(), _log, "this is not said")
    assert done.is_set()
    assert [record for record in caplog.records if record.name == __name__] == []


async def test_without_room_for_a_thread_it_is_imported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("asyncio.to_thread", fail)
    called = []
    await in_thread(lambda: called.append(True))
    assert called == [True]


async def test_an_error_that_was_seen_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    for sees in (False, True):
        caplog.clear()
        failed, cancelled = loop.create_future(), loop.create_future()
        for future in (failed, cancelled):
            if sees:
                future.add_done_callback(mark_seen)
        failed.set_exception(ZeroDivisionError("a mistake"))
        cancelled.cancel()
        await asyncio.sleep(0)  # the callbacks' turn
        del failed, cancelled, future
        gc.collect()
        assert ("a mistake" in caplog.text) is not sees
