"""The end of a manager, and failures that end nothing but their own context, over fake workers."""

import asyncio
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import ids, open_manager

from interpreterd.model.errors import ServerShuttingDown, WorkerStartFailed
from interpreterd.model.events import Finished
from interpreterd.model.requests import CreateContext, Execute


async def test_the_end_of_the_daemon(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        info = await manager.create(CreateContext())
        executions = [manager.get(name).submit(Execute(code="pass")) for name in (info.id, info.id, None)]
        await manager.close()
        for execution in executions:
            *_, (_, end) = [event async for event in execution.journal.client]
            assert isinstance(end, Finished)
            assert isinstance(end.cause, ServerShuttingDown)
        assert all(worker.exited for worker in launcher.workers)
        assert ids(manager) == []
        for name in (None, "default", info.id):
            with pytest.raises(ServerShuttingDown):
                manager.get(name)
        with pytest.raises(ServerShuttingDown):
            await manager.create(CreateContext())
        await manager.close()


async def test_the_end_of_the_daemon_while_a_context_is_created(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_manager(launcher, tmp_path) as manager:
        creating = asyncio.create_task(manager.create(CreateContext()))
        worker = await launcher.worker()
        await worker.configuring.wait()
        await manager.close()
        with pytest.raises(ServerShuttingDown):
            await creating
    assert worker.exited


async def test_one_broken_context_does_not_end_the_others(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        info = await manager.create(CreateContext())
        launcher.failure = ZeroDivisionError("a mistake")
        with pytest.raises(WorkerStartFailed):
            await manager.create(CreateContext())
        execution = manager.get(info.id).submit(Execute(code="pass"))
        worker = launcher.workers[0]
        worker.done(await worker.run())
        assert [event async for event in execution.journal.client]


async def test_a_mistake_at_the_end_of_one_that_never_started_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        other = await manager.create(CreateContext())
        launcher.failure = WorkerStartFailed("why")
        monkeypatch.setattr(manager.executions, "context_deleted", lambda context_id: 1 // 0)
        with pytest.raises(WorkerStartFailed):
            await manager.create(CreateContext())
        assert manager.existing(other.id).info().active
    assert "ZeroDivisionError" in caplog.text
