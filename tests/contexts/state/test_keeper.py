"""Contexts get their checkpoints when they first need some."""

import asyncio
from pathlib import Path

import pytest
from copying import Copier
from fake_worker import FakeLauncher
from managers import open_manager

from interpreterd.contexts.state.keeper import Keeper, half_of_memory
from interpreterd.contexts.state.local import LocalState
from interpreterd.model.requests import CreateContext
from interpreterd.workers.watcher import Excess, Watch


async def test_a_context_has_none_before_it_needs_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Copier(monkeypatch)
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        context = manager.existing((await manager.create(CreateContext())).id)
        state = LocalState(manager)
        assert await state.checkpoints(context.id) == []
        assert context.checkpoints is None
        await state.checkpoint(context.id)
        assert manager.keeper.checkpoints_of(context) is context.checkpoints
        assert context.slot.copies == (2000,)


async def test_an_excess_costs_automatic_checkpoints_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copier, launcher = Copier(monkeypatch), FakeLauncher()
    async with open_manager(launcher, tmp_path, context_processes=3) as manager:
        watches: list[Watch] = []
        monkeypatch.setattr(manager.watcher, "watch", lambda *args: watches.append(Watch(*args)) or watches[-1])
        context = manager.existing((await manager.create(CreateContext())).id)
        worker = await launcher.worker()
        checkpoints = manager.keeper.checkpoints_of(context)
        for automatic in (False, True):
            await checkpoints.take(worker, count=0, automatic=automatic)
        (watch,) = watches
        assert watch.copies == (2000, 2001)
        excess = Excess("process limit of 3 exceeded: checkpoints count, too", counts_copies=True)
        watch.tell(excess)
        assert (copier.copies[1].killed.is_set(), worker.killed.is_set()) == (True, False)
        assert watch.copies == (2000,)
        watch.tell(excess)
        await worker.killed.wait()
        assert not copier.copies[0].killed.is_set()


def test_by_default_checkpoints_have_half_of_the_memory() -> None:
    (total,) = [line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:")]
    assert abs(2 * half_of_memory() - (int(total.split()[1]) << 10)) < 1 << 20


async def test_without_settings_the_usual_ones_hold() -> None:
    async with asyncio.TaskGroup() as tasks:
        assert Keeper(None, tasks).settings.checkpoints == 16
