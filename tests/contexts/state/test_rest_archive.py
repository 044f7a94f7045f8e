"""The archives of one context at rest, over fake workers: when they are written, and which of them stays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from resting import Disk, made, new_disk, open_resting, run

from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state import rest_archive
from interpreterd.model.file_errors import DiskFull


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


async def test_an_execution_does_not_wait_for_an_archive(manager: Manager, launcher: FakeLauncher, disk: Disk) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    disk.gate.clear()
    archiving = asyncio.ensure_future(kept.archive())
    await disk.saving.wait()
    await run(manager, launcher, disk, context.id, "y")
    disk.gate.set()
    await archiving
    assert disk.archives == {"a1": "x"}
    assert disk.copies[0].killed.is_set()
    assert not kept.is_current
    await kept.archive()
    assert disk.archives == {"a2": "y"}


async def test_nothing_is_archived_twice(manager: Manager, launcher: FakeLauncher, disk: Disk) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await asyncio.gather(kept.archive(), kept.archive())
    await kept.hibernate()
    assert disk.log.count("save a1") == 1
    assert "save a2" not in disk.log


async def test_an_archive_is_there_before_its_record_and_goes_after_it(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    for value in "xy":
        await run(manager, launcher, disk, context.id, value)
        await kept.archive()
    assert disk.log == ["record None", "save a1", "record a1", "save a2", "record a2", "remove a1"]
    await manager.delete(context.id)
    assert disk.log[-2:] == ["remove record", "remove a2"]


async def test_an_archive_that_fails_leaves_the_former_one(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    await kept.archive()
    await run(manager, launcher, disk, context.id, "y")
    disk.failure = DiskFull("no space is left")
    with pytest.raises(DiskFull):
        await kept.archive()
    disk.failure = None
    assert (disk.archives, kept.rest.archive_id, kept.is_current) == ({"a1": "x"}, "a1", False)
    assert context.info().state == "idle"


async def test_an_archive_of_a_state_that_is_gone_is_dropped(
    manager: Manager, launcher: FakeLauncher, disk: Disk
) -> None:
    context, kept = await made(manager)
    await run(manager, launcher, disk, context.id, "x")
    disk.gate.clear()
    archiving = asyncio.ensure_future(kept.archive())
    await disk.saving.wait()
    await context.restart()
    disk.gate.set()
    await archiving
    assert (disk.archives, kept.rest.archive_id) == ({}, None)


async def test_quick_archives_need_no_copy(
    manager: Manager, launcher: FakeLauncher, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_archive, "QUICK_S", 100.0)
    context, kept = await made(manager)
    for value, copies in (("x", 1), ("y", 1)):
        await run(manager, launcher, disk, context.id, value)
        await kept.archive()
        assert len(disk.copies) == copies
    assert list(disk.archives.values()) == ["y"]
