"""The rest of one context, over fake workers: when it is archived, when it leaves, what comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher
from resting import Disk, events_of, made, new_disk, news, open_resting, run, worker_of
from soon import soon

from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.hibernation import Hibernation
from interpreterd.model.archives import Skipped
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Finished, Happened, Restarted
from interpreterd.model.file_errors import DiskFull
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import NotSavedWhole


@pytest.fixture
def disk() -> Disk:
    return new_disk()


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def manager(launcher: FakeLauncher, disk: Disk, tmp_path: Path) -> AsyncIterator[Manager]:
    async with open_resting(launcher, tmp_path, disk, archive_after_s=3600.0) as manager:
        yield manager


async def test_a_context_that_hibernates_has_no_worker_and_gets_everything_back(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager, persistent=False)
    await run(manager, launcher, disk, context.id, "x")
    former = launcher.workers[-1]
    follower = context.transcript.feed.follow()
    await kept.hibernate()
    assert former.killed.is_set()
    assert (context.info().state, context.info().active, context.pid) == ("hibernating", False, None)
    execution = await run(manager, launcher, disk, context.id, "y")
    assert await news(execution) == [Restored(archive_id="a1", is_as_left=True)]
    await soon(lambda: disk.log == ["save a1", "load a1", "remove a1"])
    assert context.info().state == "idle"
    seen = [type(it.event).__name__ for _, it in await follower.ready() if isinstance(it, Happened)]
    assert seen == ["Submitted", "Queued", "Started", "Restored", "Finished"]


async def test_executions_go_on_counting_in_the_new_worker(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.hibernate()
    execution = await run(manager, launcher, disk, context.id, "y")
    assert (execution.execution_count, execution.worker_count, context.info().executions) == (2, 2, 2)


async def test_a_context_in_which_nothing_has_run_needs_no_archive(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await kept.hibernate()
    assert context.info().state == "hibernating"
    execution = await run(manager, launcher, disk, context.id, "y")
    assert await news(execution) == [Restored(is_as_left=True)]
    assert "save a1" not in disk.log


async def test_a_context_that_has_no_worker_hibernates_at_once(manager: Manager) -> None:
    context = manager.get(None)
    assert manager.survival is not None
    kept = Hibernation(context, manager.survival, persistent=False)
    context.kept = kept
    await kept.hibernate()
    await kept.hibernate()
    assert context.info().state == "hibernating"


async def test_a_context_that_is_not_saved_whole_stays_and_says_why(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    disk.skipped = (Skipped("s", "a socket"),)
    with pytest.raises(NotSavedWhole, match=r"it would lose s \(a socket\)") as refused:
        await kept.hibernate()
    assert list(refused.value.skipped) == [("s", "a socket")]
    assert context.info().state == "idle"
    disk.skipped, disk.losses = (), [("Thread-1", "a thread")]
    await run(manager, launcher, disk, context.id, "y")
    with pytest.raises(NotSavedWhole, match="Thread-1"):
        await kept.hibernate()
    disk.losses = ()
    await kept.hibernate()
    assert context.info().state == "hibernating"


async def test_a_wake_that_fails_leaves_it_hibernating(manager: Manager, launcher: FakeLauncher, disk: Disk) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.hibernate()
    disk.failure = DiskFull("the archive is corrupt")
    _, execution = manager.submit(Execute(code="1", context_id=context.id), client=False)
    last = (await events_of(execution))[-1]
    assert isinstance(last, Finished)
    assert isinstance(last.cause, WorkerStartFailed)
    assert "the archive is corrupt" in str(last.cause)
    assert "kill" in launcher.workers[-1].calls
    assert context.info().state == "hibernating"
    disk.failure = None
    assert await news(await run(manager, launcher, disk, context.id, "y")) == [
        Restored(archive_id="a1", is_as_left=True)
    ]


async def test_an_operation_wakes_it_and_the_next_execution_hears_of_it(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.hibernate()

    async def look(worker: Any) -> str:
        return disk.variables[worker.pid]

    assert await context.operate(look) == "x"
    assert await news(await run(manager, launcher, disk, context.id, "y")) == [
        Restored(archive_id="a1", is_as_left=True)
    ]
    assert await news(await run(manager, launcher, disk, context.id, "z")) == []


async def test_a_restart_begins_anew(manager: Manager, launcher: FakeLauncher, disk: Disk) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.hibernate()
    await context.restart()
    assert (disk.archives, context.info().state) == ({}, "idle")
    assert disk.log[-2:] == ["record None", "remove a1"]
    execution = await run(manager, launcher, disk, context.id, "y")
    assert await news(execution) == [Restarted()]
    assert (execution.execution_count, execution.worker_count) == (2, 1)


async def test_a_restart_that_the_disk_refuses_leaves_it_hibernating(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.hibernate()
    disk.failure = DiskFull("no space is left")
    with pytest.raises(DiskFull):
        await context.restart()
    disk.failure = None
    assert context.info().state == "hibernating"
    execution = await run(manager, launcher, disk, context.id, "y")
    assert await news(execution) == [Restored(archive_id="a1", is_as_left=True)]


async def test_a_persistent_context_gets_its_latest_archive_after_a_crash(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.archive()
    await run(manager, launcher, disk, context.id, "later")
    launcher.workers[-1].exit("killed by SIGSEGV")
    assert context.info().state == "hibernating"
    execution = await run(manager, launcher, disk, context.id, "y")
    assert await news(execution) == [Restarted(), Restored(archive_id="a1")]
    assert disk.log[-1] == "load a1"


@pytest.mark.parametrize(("persistent", "how"), [(True, "exit status 0"), (False, "killed by SIGSEGV")])
async def test_a_worker_that_ends_itself_ends_its_variables(
    manager: Manager, launcher: FakeLauncher, disk: Disk, persistent: bool, how: str
) -> None:
    context, kept = await made(manager, persistent=persistent)
    await run(manager, launcher, disk, context.id, "x")
    await kept.archive()
    launcher.workers[-1].exit(how)
    await soon(lambda: not disk.archives)
    assert context.info().state == "dead"
    assert await news(await run(manager, launcher, disk, context.id, "y")) == [Restarted()]


async def test_a_context_rests_by_itself_and_stays_if_it_would_lose_something(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    disk.skipped = (Skipped("s", "a socket"),)
    async with open_resting(launcher, tmp_path, disk, hibernate_after_s=0.01) as manager:
        info = await manager.create(CreateContext())
        await soon(lambda: manager.existing(info.id).info().state == "hibernating")
        await run(manager, launcher, disk, info.id, "x")
        await soon(lambda: "stays: the context cannot hibernate" in caplog.text)
        assert manager.existing(info.id).info().state == "idle"
        disk.skipped = ()
        await run(manager, launcher, disk, info.id, "y")
        await soon(lambda: manager.existing(info.id).info().state == "hibernating")
        assert disk.archives == {f"a{disk._count}": "y"}
    assert disk.archives == {}


async def test_a_context_is_archived_after_each_execution_if_that_is_wished(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk, persistent=True, archive_after_s=0.0) as manager:
        for value in ("x", "y"):
            await run(manager, launcher, disk, "default", value)
            await soon(lambda value=value: list(disk.archives.values()) == [value])  # type: ignore[misc]


async def test_a_follower_does_not_keep_it_awake(launcher: FakeLauncher, disk: Disk, tmp_path: Path) -> None:
    async with open_resting(launcher, tmp_path, disk, hibernate_after_s=0.01) as manager:
        info = await manager.create(CreateContext())
        context = manager.existing(info.id)
        follower = context.transcript.feed.follow()
        await soon(lambda: context.info().state == "hibernating")
        follower.stop()


async def test_work_that_waits_keeps_it_awake(manager: Manager, launcher: FakeLauncher, disk: Disk) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.archive()
    gate = asyncio.Event()
    working = asyncio.ensure_future(context.operate(lambda worker: gate.wait()))
    await asyncio.sleep(0)
    leaving = asyncio.ensure_future(context.operate(kept._leave_unless_needed))
    await asyncio.sleep(0)
    _, execution = manager.submit(Execute(code="1", context_id=context.id), client=False)
    gate.set()
    await asyncio.gather(working, leaving)
    worker = await worker_of(context, launcher)
    worker.done(await worker.run())
    assert execution.ended
    assert len(launcher.workers) == 1


async def test_an_archive_that_waits_its_turn_does_not_wake_it(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    gate = asyncio.Event()
    working = asyncio.ensure_future(context.operate(lambda worker: gate.wait()))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(it) for it in (kept.archive(), kept.hibernate(), kept.archive())]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(working, *waiting)
    assert (context.info().state, len(launcher.workers)) == ("hibernating", 1)


async def test_a_context_that_would_lose_a_thread_is_not_even_archived(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    disk.losses = [("Thread-1", "a thread")]
    async with open_resting(launcher, tmp_path, disk, hibernate_after_s=0.01) as manager:
        info = await manager.create(CreateContext())
        await soon(lambda: "would lose Thread-1 (a thread)" in caplog.text)
        await run(manager, launcher, disk, info.id, "x")
        await soon(lambda: caplog.text.count("would lose Thread-1 (a thread)") == 2)
        assert disk.archives == {}
