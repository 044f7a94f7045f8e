"""What outlives a manager, over fake workers and a disk in memory."""

import asyncio
import time
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import open_manager
from resting import Disk, new_disk, open_resting, run, worker_of

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.state.records import record_body
from interpreterd.contexts.state.survival import record_of
from interpreterd.model.errors import ContextNotFound, LimitReached, WorkerStartFailed
from interpreterd.model.file_errors import DiskFull
from interpreterd.model.limits import Limits
from interpreterd.model.requests import ChangeContext, CreateContext, Execute
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import NoStateDirectory

PERSISTENT = CreateContext(persistent=True)


@pytest.fixture
def disk() -> Disk:
    return new_disk()


@pytest.fixture
async def launcher() -> FakeLauncher:
    return FakeLauncher()


async def test_a_persistent_context_is_offered_by_the_next_daemon(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        request = CreateContext(
            persistent=True, metadata={"a": "b"}, envs={"E": "1"}, limits=Limits(cpu_s=5.0), cwd=str(tmp_path)
        )
        before = await manager.create(request)
        await run(manager, launcher, disk, before.id, "x")
        await LocalContexts(manager).change(before.id, ChangeContext(metadata={"c": "d"}))
        await manager.create(CreateContext())
    async with open_resting(launcher, tmp_path, disk) as manager:
        (context,) = manager.list(with_default=True)
        info = context.info()
        assert (info.id, info.state, info.active, info.persistent) == (before.id, "hibernating", False, True)
        assert (info.metadata, info.created_at, info.executions) == ({"a": "b", "c": "d"}, before.created_at, 1)
        assert (info.limits, info.cwd, info.forked_from) == (before.limits, before.cwd, None)
        started = len(launcher.workers)
        execution = await run(manager, launcher, disk, before.id, "y")
        assert [it async for _, it in execution.journal.follow() if isinstance(it, Restored)] == [
            Restored(archive_id="a1")
        ]
        assert (execution.execution_count, len(launcher.workers)) == (2, started + 1)
        configured = launcher.workers[-1].configured_with
        assert configured is not None
        assert configured.envs == {"E": "1"}


async def test_a_deleted_context_never_comes_back(launcher: FakeLauncher, disk: Disk, tmp_path: Path) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        info = await manager.create(PERSISTENT)
        await run(manager, launcher, disk, info.id, "x")
    async with open_resting(launcher, tmp_path, disk) as manager:
        await manager.delete(info.id)
        assert (disk.records_, disk.archives) == ({}, {})
    async with open_resting(launcher, tmp_path, disk) as manager:
        assert manager.list(with_default=True) == []


async def test_a_deletion_that_the_disk_refuses_says_so(launcher: FakeLauncher, disk: Disk, tmp_path: Path) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        info = await manager.create(PERSISTENT)
        disk.failure = DiskFull("read-only")
        with pytest.raises(DiskFull):
            await manager.delete(info.id)
        with pytest.raises(ContextNotFound):
            manager.existing(info.id)
        assert launcher.workers[-1].exited is not None


async def test_a_context_that_could_not_be_made_leaves_no_record(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        launcher.failure = WorkerStartFailed("no Python")
        with pytest.raises(WorkerStartFailed):
            await manager.create(PERSISTENT)
        launcher.failure = None
        disk.failure = DiskFull("no space is left")
        with pytest.raises(DiskFull):
            await manager.create(PERSISTENT)
        disk.failure = None
        assert manager.list(with_default=True) == []
    assert disk.records_ == {}


async def test_without_a_state_directory_nothing_is_persistent(launcher: FakeLauncher, tmp_path: Path) -> None:
    async with open_manager(launcher, tmp_path) as manager:
        with pytest.raises(NoStateDirectory):
            await manager.create(PERSISTENT)
        assert (await manager.create(CreateContext())).persistent is False


async def test_all_listed_contexts_may_be_persistent_unless_a_client_does_not_want_it(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk, persistent=True) as manager:
        infos = [
            await manager.create(CreateContext()),
            await manager.create(CreateContext(persistent=False)),
            await manager.create(CreateContext(listed=False)),
        ]
        assert [it.persistent for it in infos] == [True, False, False]
        await run(manager, launcher, disk, "default", "x")
    async with open_resting(launcher, tmp_path, disk) as manager:
        assert {it.id for it in manager.list(with_default=True)} == {infos[0].id, "default"}


async def test_a_daemon_that_ends_archives_what_is_idle_and_keeps_the_former_archive_of_the_rest(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        idle, busy = await manager.create(PERSISTENT), await manager.create(PERSISTENT)
        await run(manager, launcher, disk, idle.id, "x")
        await run(manager, launcher, disk, busy.id, "before")
        kept = manager.existing(busy.id).kept
        assert kept is not None
        await kept.archive()
        manager.submit(Execute(code="1", context_id=busy.id), client=False)
        worker = await worker_of(manager.existing(busy.id), launcher)
        disk.variables[worker.pid] = "in the middle"
    assert sorted(disk.archives.values()) == ["before", "x"]


async def test_a_daemon_that_ends_does_not_wait_for_ever(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        info = await manager.create(PERSISTENT)
        await run(manager, launcher, disk, info.id, "x")
        disk.gate.clear()
        assert manager.survival is not None
        await manager.survival.rest_all([manager.existing(info.id)], 0.01)
        assert "1 contexts could not be archived within 0.01 s" in caplog.text
        assert disk.copies[-1].killed.is_set()
        disk.gate.set()


async def test_what_no_record_names_is_removed_when_a_daemon_starts(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        info = await manager.create(PERSISTENT)
        await run(manager, launcher, disk, info.id, "x")
    disk.archives["of a killed daemon"] = "z"
    async with open_resting(launcher, tmp_path, disk):
        assert list(disk.archives.values()) == ["x"]


async def test_a_disk_that_cannot_be_read_does_not_keep_a_daemon_from_starting(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk.reading_fails = DiskFull("an error of the disk")
    async with open_resting(launcher, tmp_path, disk) as manager:
        assert "persistent contexts cannot be offered: an error of the disk" in caplog.text
        assert (await manager.create(PERSISTENT)).persistent


async def test_more_contexts_than_today_are_allowed_are_offered_all_the_same(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        for _ in range(3):
            await manager.create(PERSISTENT)
    async with open_resting(launcher, tmp_path, disk, max_contexts=2, context_cpu_s=7.0) as manager:
        contexts = manager.list(with_default=True)
        assert len(contexts) == 3
        assert contexts[0].limits.cpu_s == 7.0
        with pytest.raises(LimitReached):
            await manager.create(PERSISTENT)


async def test_a_context_whose_directory_is_gone_says_so_when_it_wakes(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    cwd = tmp_path / "gone"
    cwd.mkdir()
    async with open_resting(launcher, tmp_path, disk) as manager:
        info = await manager.create(CreateContext(persistent=True, cwd=str(cwd)))
    cwd.rmdir()
    async with open_resting(launcher, tmp_path, disk) as manager:
        assert manager.existing(info.id).info().state == "hibernating"


async def test_a_life_that_is_over_ends_also_while_it_hibernates(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        old = await manager.create(CreateContext(persistent=True, limits=Limits(lifetime_s=3600)))
        young = await manager.create(CreateContext(persistent=True, limits=Limits(lifetime_s=7200)))
    for name in (old.id, young.id):
        disk.records_[name]["created_at"] -= 3601
    async with open_resting(launcher, tmp_path, disk) as manager:
        (left,) = manager.list(with_default=True)
        assert left.id == young.id
        ends = left.info().expires_at
        assert ends is not None
        assert ends < time.time() + 3601
        for _ in range(100):
            await asyncio.sleep(0)
    assert old.id not in disk.records_


async def test_what_is_recorded_is_what_the_context_is(launcher: FakeLauncher, disk: Disk, tmp_path: Path) -> None:
    async with open_resting(launcher, tmp_path, disk) as manager:
        info = await manager.create(PERSISTENT)
        assert disk.records_[info.id] == record_body(record_of(manager.existing(info.id)))
