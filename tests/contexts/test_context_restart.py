"""A context replaces its worker."""

import asyncio

import pytest
from fake_worker import FakeLauncher
from open_context import CAUSE, COMPLETED, execute, finished, open_context, read, run

from interpreterd.model import events
from interpreterd.model.errors import (
    ContextDeleted,
    ContextRestarted,
    WorkerStartFailed,
)


async def test_restart_has_a_new_worker_and_keeps_the_queue() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, running = await run(context, launcher)
        waiting = context.submit(execute("next"))
        restarting = asyncio.create_task(context.restart())
        end = await finished(running)
        assert (end.outcome, str(end.cause)) == (events.Outcome.LOST, "context restarted: c")
        assert isinstance(end.cause, ContextRestarted)
        assert end.error == events.Failure(name="ContextError", value="context restarted: c")
        assert worker.exited == "exit status 0"
        second = await launcher.worker()
        message = await second.run()
        await restarting
        assert message.request.code == "next"
        second.done(message)
        assert await read(waiting) == [events.Restarted(), COMPLETED]
        await launcher.swept.wait()


async def test_restart_cancels_the_queue_if_it_is_told_to() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await run(context, launcher)
        waiting = context.submit(execute())
        await context.restart(cancel_queued=True)
        end = await finished(waiting)
        assert (end.outcome, str(end.cause)) == (events.Outcome.CANCELLED, "context restarted: c")
        assert context.info().active
        assert len(launcher.workers) == 2


async def test_restart_of_a_context_that_has_no_worker_starts_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.restart()
        assert context.info().active
        assert len(launcher.workers) == 1


async def test_restarts_at_the_same_time_are_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        await asyncio.gather(context.restart(), context.restart(), context.restart())
        assert context.info().active
        assert len(launcher.workers) == 2


async def test_a_restart_that_fails_says_why_and_can_be_tried_again() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        launcher.failure = WorkerStartFailed("python3 not found")
        with pytest.raises(WorkerStartFailed, match=r"^python3 not found$"):
            await context.restart()
        assert not context.info().active
        launcher.failure = None
        await context.restart()
        assert context.info().active


async def test_a_restart_ends_with_its_context() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        restarting = asyncio.create_task(context.restart())
        await asyncio.sleep(0)
        await context.close(CAUSE)
        with pytest.raises(ContextDeleted):
            await restarting
        assert len(launcher.workers) == 1
