"""Persistent contexts go from one manager to the next, over fake workers and one disk."""

import asyncio
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from resting import Disk, new_disk, open_resting, run, worker_of
from soon import soon

from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state import handover
from interpreterd.model.errors import ContextNotFound
from interpreterd.model.file_errors import DiskFull
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.model.state_errors import ContextMoving

PERSISTENT = CreateContext(persistent=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "SHORTEST_LOOK_S", 0.001)
    monkeypatch.setattr(handover, "LONGEST_LOOK_S", 0.001)


@pytest.fixture
def disk() -> Disk:
    return new_disk()


@pytest.fixture
async def launcher() -> FakeLauncher:
    return FakeLauncher()


def state_of(manager: Manager, context_id: str) -> str | None:
    context = manager.find(context_id)
    return None if context is None else context.info().state


async def test_each_context_goes_when_it_is_idle(launcher: FakeLauncher, disk: Disk, tmp_path: Path) -> None:
    async with open_resting(launcher, tmp_path, disk) as old:
        idle, busy, own = [(await old.create(it)).id for it in (PERSISTENT, PERSISTENT, CreateContext())]
        await run(old, launcher, disk, idle, "x")
        _, running = old.submit(Execute(code="1", context_id=busy), client=False)
        worker = await worker_of(old.existing(busy), launcher)
        disk.owner = False
        async with open_resting(launcher, tmp_path, disk) as new:
            for context_id in (idle, busy):
                with pytest.raises(ContextMoving, match="try again soon"):
                    new.existing(context_id)
            with pytest.raises(ContextNotFound):
                new.existing(own)
            assert old.survival is not None
            leaving = asyncio.ensure_future(old.survival.leave_to_successor(old))
            await soon(lambda: state_of(new, idle) == "hibernating")
            assert old.find(idle) is None
            with pytest.raises(ContextMoving):
                new.existing(busy)
            await run(new, launcher, disk, idle, "y")
            disk.variables[worker.pid] = "z"
            worker.done(await worker.run())
            assert running.ended
            await leaving
            await soon(lambda: state_of(new, busy) == "hibernating")
            assert old.find(own) is not None
            disk.owner = True
            kept = new.existing(busy).kept
            assert kept is not None
            assert disk.archives[kept.rest.archive_id or ""] == "z"
            await soon(lambda: not any(name.startswith("handed.") for name in disk.records_))


async def test_what_a_dead_daemon_has_not_handed_over_is_offered_as_it_was_at_rest(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path
) -> None:
    async with open_resting(launcher, tmp_path, disk) as old:
        context_id = (await old.create(PERSISTENT)).id
        default, _ = old.submit(Execute(code="1"), client=False)
        assert default.kept is None
        disk.owner = False
        async with open_resting(launcher, tmp_path, disk) as new:
            with pytest.raises(ContextMoving):
                new.submit(Execute(code="1", context_id=context_id))
            assert new.get(None).info().state == "dead"  # it was not persistent
            disk.owner = True
            await soon(lambda: state_of(new, context_id) == "hibernating")


async def test_a_context_that_cannot_be_archived_goes_as_it_was(
    launcher: FakeLauncher, disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_resting(launcher, tmp_path, disk) as old:
        context_id = (await old.create(PERSISTENT)).id
        await run(old, launcher, disk, context_id, "x")
        kept = old.existing(context_id).kept
        assert kept is not None
        await kept.archive()
        await run(old, launcher, disk, context_id, "y")
        disk.gate.clear()
        disk.saving.clear()
        assert old.survival is not None
        leaving = asyncio.ensure_future(old.survival.leave_to_successor(old))
        await disk.saving.wait()
        disk.failure = DiskFull("no space is left")
        disk.gate.set()
        await soon(lambda: "is handed over as it was before: no space is left" in caplog.text)
        disk.failure = None
        await leaving
    assert list(disk.archives.values()) == ["x"]
