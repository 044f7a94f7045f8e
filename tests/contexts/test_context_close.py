"""A context closes: its worker and its executions end."""

import asyncio

import pytest
from fake_worker import FakeLauncher
from open_context import CAUSE, COMPLETED, execute, finished, open_context, run

from interpreterd.machine import steps
from interpreterd.machine.inputs import Close
from interpreterd.model import events
from interpreterd.model.errors import (
    ContextDeleted,
    ServerShuttingDown,
)


async def test_close_tells_everyone_and_waits_for_the_worker() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, execution = await run(context, launcher)
        waiting = context.submit(execute())
        await context.close(CAUSE)
        assert worker.exited == "exit status 0"
        assert launcher.swept.is_set()
        failure = events.Failure(name="ContextError", value="context deleted: c")
        assert await finished(execution) == events.Finished(outcome=events.Outcome.LOST, error=failure, cause=CAUSE)
        assert await finished(waiting) == events.Finished(outcome=events.Outcome.CANCELLED, error=failure, cause=CAUSE)


async def test_close_waits_for_the_second_worker_as_for_the_first() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        first, message, execution = await run(context, launcher)
        first.exiting(message)
        await finished(execution)
        context.submit(execute())
        second = await launcher.worker()
        await second.run()
        await context.close(CAUSE)
        assert second.exited == "exit status 0"


async def test_a_worker_that_neither_ends_nor_dies_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "END_LIMIT_S", 0)
    monkeypatch.setattr(steps, "GIVE_UP_AFTER_S", 0)
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        execution = context.submit(execute())
        worker = await launcher.worker()
        worker.immortal = worker.stubborn = True
        await worker.run()
        await context.restart()
        assert (await finished(execution)).outcome is events.Outcome.LOST
        assert [call for call in worker.calls if call in ("end", "kill", "give_up")] == ["end", "kill", "give_up"]
        second = await launcher.worker()
        second.immortal = True
        await context.close(CAUSE)
        assert [call for call in second.calls if call in ("end", "kill", "give_up")] == ["kill", "give_up"], (
            "it had run nothing"
        )


async def test_close_while_the_worker_is_launched() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        execution = context.submit(execute())
        await asyncio.sleep(0)
        await context.close(CAUSE)
        with pytest.raises(ContextDeleted):
            await starting
        assert (await finished(execution)).cause is CAUSE
    assert launcher.workers == []


async def test_executions_do_not_keep_the_frames_of_who_waited_for_the_start() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    cause = ContextDeleted("c")
    async with open_context(launcher) as context:
        waiting = [asyncio.create_task(it) for it in (context.start(), context.restart())]
        execution = context.submit(execute())
        await asyncio.sleep(0)
        await context.close(cause)
        for it in waiting:
            with pytest.raises(ContextDeleted, match=r"^context deleted: c$"):
                await it
        assert (await finished(execution)).cause is cause
        assert cause.__traceback__ is None


async def test_close_before_the_launch_has_begun() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        asyncio.get_running_loop().call_soon(context._feed, Close(CAUSE))
        context._closed_by = CAUSE
        with pytest.raises(ContextDeleted):
            await starting
    assert launcher.workers == []


async def test_close_while_the_worker_is_configured_kills_it() -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        worker = await launcher.worker()
        await worker.configuring.wait()
        await context.close(ServerShuttingDown())
        with pytest.raises(ServerShuttingDown):
            await starting
    assert worker.exited == "killed by SIGKILL"


async def test_the_requester_of_a_start_may_leave() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        impatient = asyncio.create_task(context.start())
        execution = context.submit(execute())
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        launcher.gate.set()
        worker = await launcher.worker()
        worker.done(await worker.run())
        assert await finished(execution) == COMPLETED
