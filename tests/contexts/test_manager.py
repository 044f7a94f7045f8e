"""The registry creates, finds, lists, limits and closes contexts, over fake workers."""

import asyncio
import uuid
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import ids, open_manager

from interpreterd.contexts.executions import KEPT_OF_DELETED
from interpreterd.model.errors import (
    ContextDeleted,
    ContextNotFound,
    DefaultContextKept,
    InvalidRequest,
    InvalidWorkingDirectory,
    LimitReached,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext, Execute


async def test_create_then_list_then_delete(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, Path("/")) as manager:
        one = await manager.create(CreateContext(cwd=str(tmp_path)))
        two = await manager.create(CreateContext())
        assert (one.cwd, two.cwd) == (str(tmp_path), "/")
        assert uuid.UUID(one.id).version == 4
        assert one.active
        assert ids(manager) == [one.id, two.id]
        assert manager.existing(one.id).info() == one
        await manager.delete(one.id)
        assert launcher.workers[0].exited
        assert not launcher.workers[1].exited
        assert ids(manager) == [two.id]
        with pytest.raises(ContextNotFound, match=f"^context not found: {one.id}$"):
            await manager.delete(one.id)
        with pytest.raises(ContextNotFound):
            manager.get(one.id)


async def test_an_unlisted_context_can_only_be_named_and_keeps_no_executions(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        info = await manager.create(CreateContext(listed=False))
        assert ids(manager) == []
        assert manager.existing(info.id).info() == info
        context, execution = manager.submit(Execute(code="pass", context_id=info.id), client=False)
        assert manager.executions.get(execution.id) is execution
        worker = launcher.workers[0]
        worker.done(await worker.run())
        assert manager.executions.get(execution.id) is None
        assert manager.executions.latest(context.id) == []


async def test_the_default_context_is_made_by_its_first_use_and_stays(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        with pytest.raises(ContextNotFound, match="default"):
            manager.existing("default")
        with pytest.raises(ContextNotFound, match="x"):
            manager.existing("x")
        default = manager.get(None)
        assert manager.get(None) is default
        assert manager.get("default") is default
        assert default.cwd == str(tmp_path)
        created = await manager.create(CreateContext())
        assert ids(manager) == ["default", created.id]
        assert ids(manager, with_default=False) == [created.id]
        with pytest.raises(DefaultContextKept):
            await manager.delete("default")
        assert manager.get(None) is default


async def test_the_default_context_cannot_be_deleted_before_it_is_there(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        with pytest.raises(DefaultContextKept):
            await manager.delete("default")


async def test_an_unknown_context(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        with pytest.raises(ContextNotFound, match=r"^context not found: x$"):
            manager.get("x")
        with pytest.raises(ContextNotFound):
            manager.existing("x")


async def test_the_limit_of_contexts(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, max_contexts=1) as manager:
        created = await manager.create(CreateContext())
        with pytest.raises(LimitReached, match=r"the limit is 1$"):
            await manager.create(CreateContext())
        with pytest.raises(LimitReached):
            manager.get(None)
        await manager.delete(created.id)
        await manager.create(CreateContext())


async def test_contexts_that_are_being_created_count(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_manager(launcher, tmp_path, max_contexts=1) as manager:
        creating = asyncio.create_task(manager.create(CreateContext()))
        await asyncio.sleep(0)
        with pytest.raises(LimitReached):
            await manager.create(CreateContext())
        launcher.gate.set()
        await creating


async def test_a_directory_that_will_not_do_makes_no_context(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        with pytest.raises(InvalidWorkingDirectory, match="does not exist"):
            await manager.create(CreateContext(cwd=str(tmp_path / "missing")))
        assert ids(manager) == []
        assert launcher.workers == []


async def test_a_failed_start_makes_no_context(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    launcher.failure = WorkerStartFailed("python3 not found")
    async with open_manager(launcher, tmp_path, max_contexts=1) as manager:
        with pytest.raises(WorkerStartFailed, match="python3 not found"):
            await manager.create(CreateContext())
        assert ids(manager) == []
        launcher.failure = None
        await manager.create(CreateContext())


async def test_the_creator_of_a_context_may_leave_before_its_worker_has_started(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_manager(launcher, tmp_path) as manager:
        creating = asyncio.create_task(manager.create(CreateContext()))
        worker = await launcher.worker()
        await worker.configuring.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        assert ids(manager) == []
    assert worker.exited, "no code would ever end it"


async def test_deleted_while_it_is_created(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_manager(launcher, tmp_path) as manager:
        creating = asyncio.create_task(manager.create(CreateContext()))
        await asyncio.sleep(0)
        (context_id,) = ids(manager)
        await manager.delete(context_id)
        with pytest.raises(ContextDeleted):
            await creating
        assert ids(manager) == []


async def test_interrupt(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        execution = manager.get(None).submit(Execute(code="pass", timeout_s=None))
        assert manager.existing("default").interrupt() == "idle", "it waits for its worker"
        worker = await launcher.worker()
        run = await worker.run()
        assert manager.existing("default").interrupt() == "interrupting"
        worker.done(run)
        assert [event async for event in execution.journal.client]
        assert manager.existing("default").interrupt() == "idle"


async def test_an_interrupt_makes_no_context(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        assert [manager.interrupt(name) for name in (None, "", "default")] == ["idle"] * 3
        assert manager.interrupt(None, "an execution") == "idle"
        with pytest.raises(ContextNotFound, match=r"^context not found: x$"):
            manager.interrupt("x")
        assert ids(manager) == []
        await manager.close()
        with pytest.raises(ServerShuttingDown):
            manager.interrupt(None)


async def test_code_that_is_refused_makes_no_context(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, code_limit_bytes=4) as manager:
        for name in (None, "default"):
            with pytest.raises(InvalidRequest, match="code must be at most 4 bytes"):
                manager.submit(Execute(code="print()", context_id=name))
        assert ids(manager) == []
        context, execution = manager.submit(Execute(code="pass"))
        assert (ids(manager), execution.context_id) == (["default"], context.id)
        with pytest.raises(InvalidRequest):
            manager.submit(Execute(code="print()"))
        assert ids(manager) == ["default"]


async def test_contexts_that_failed_to_start_keep_no_more_executions_than_deleted_ones(tmp_path: Path) -> None:
    """Another client may find such a context before its start fails, and submit executions to it."""
    launcher = FakeLauncher()
    launcher.failure = WorkerStartFailed("no")
    async with open_manager(launcher, tmp_path) as manager:
        asked = []
        for _ in range(KEPT_OF_DELETED + 5):
            launcher.gate.clear()
            creating = asyncio.create_task(manager.create(CreateContext()))
            await asyncio.sleep(0)
            (context_id,) = ids(manager)
            asked.append(manager.get(context_id).submit(Execute(code="pass")).id)
            launcher.gate.set()
            with pytest.raises(WorkerStartFailed):
                await creating
        await asyncio.gather(*manager._tasks._tasks)
        assert sum(manager.executions.get(name) is not None for name in asked) == KEPT_OF_DELETED


@pytest.mark.parametrize(
    ("daemons", "own", "queued", "is_usual"),
    [(1024, None, 1024, True), (1024, 7, 7, False), (256, None, 256, False), (2048, 1024, 1024, False)],
)
async def test_a_queues_limit_is_shown_where_it_is_set(
    tmp_path: Path, daemons: int, own: int | None, queued: int, is_usual: bool
) -> None:
    async with open_manager(FakeLauncher(), tmp_path, queue_limit=daemons) as manager:
        info = await manager.create(CreateContext(limits=Limits(queued=own)))
        assert (info.limits.queued, info.limits.queue_is_usual) == (queued, is_usual)


async def test_contexts_run_in_parallel(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        contexts = [await manager.create(CreateContext()) for _ in range(3)]
        for info in contexts:
            manager.get(info.id).submit(Execute(code=info.id))
        assert [(await worker.run()).request.code for worker in launcher.workers] == [info.id for info in contexts]
