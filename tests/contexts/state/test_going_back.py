"""Contexts that go back to checkpoints, over fake workers and fake copies."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from copying import Copier
from fake_worker import FakeLauncher, FakeWorker
from managers import open_manager

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.local import LocalState
from interpreterd.model import events
from interpreterd.model.errors import ContextDeleted, ContextRestarted
from interpreterd.model.events import Finished, Outcome
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import CheckpointNotFound, CheckpointsFull, NothingToUndo, OperationFailed


@attrs.define
class World:
    """A manager with one context, whose worker and copies the test plays."""

    manager: Manager
    state: LocalState
    context: Context
    worker: FakeWorker
    copier: Copier

    def submit(self, *, checkpoint: bool = False) -> ExecutionRecord:
        request = Execute(code="pass", checkpoint=checkpoint)
        _, execution = self.manager.submit(request, context_id=self.context.id)
        return execution

    async def run(self, worker: FakeWorker, *, checkpoint: bool = False) -> ExecutionRecord:
        """Run an execution in ``worker``, up to its end."""
        execution = self.submit(checkpoint=checkpoint)
        worker.done(await worker.run())
        await ended(execution)
        return execution


async def ended(execution: ExecutionRecord) -> Finished:
    last = [event async for _, event in execution.journal.client][-1]
    assert isinstance(last, Finished)
    return last


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path, checkpoints=2) as manager:
        info = await manager.create(CreateContext())
        context = manager.existing(info.id)
        yield World(manager, LocalState(manager), context, await launcher.worker(), Copier(monkeypatch))


async def test_a_restore_puts_a_copy_in_the_place_of_the_worker(world: World) -> None:
    await world.run(world.worker)
    kept = await world.state.checkpoint(world.context.id, "mine")
    assert (kept.name, kept.executions, kept.automatic) == ("mine", 1, False)
    follower = world.context.transcript.feed.follow(0)
    info = await world.state.restore(world.context.id, "mine")
    assert (info.checkpoint.id, info.context.state, info.context.executions) == (kept.id, "idle", 1)
    copy = world.copier.copies[1]
    assert world.context.pid == copy.pid
    await world.worker.killed.wait()
    execution = await world.run(copy)
    assert execution.execution_count == 2
    told = [happened.event for _, happened in await follower.ready()]
    assert told[0] == Restored(checkpoint_id=kept.id, checkpoint_name="mine")
    assert not [event for event in told if isinstance(event, events.Restarted | events.WorkerEnded)]


async def test_what_fails_leaves_the_context_as_it_was(world: World) -> None:
    kept = await world.state.checkpoint(world.context.id)
    world.copier.failure = OperationFailed("no descriptors are left")
    with pytest.raises(OperationFailed, match="no descriptors are left"):
        await world.state.restore(world.context.id, kept.id)
    with pytest.raises(OperationFailed, match="no descriptors are left"):
        await world.state.checkpoint(world.context.id)
    assert world.context.pid == world.worker.pid
    assert [it.id for it in await world.state.checkpoints(world.context.id)] == [kept.id]
    await world.run(world.worker)


async def test_a_checkpoint_that_is_deleted_while_a_restore_waits_is_not_found(world: World) -> None:
    kept = await world.state.checkpoint(world.context.id)
    execution = world.submit()
    message = await world.worker.run()
    restoring = asyncio.create_task(world.state.restore(world.context.id, kept.id))
    await asyncio.sleep(0)
    await world.state.delete_checkpoint(world.context.id, kept.id)
    world.worker.done(message)
    await ended(execution)
    with pytest.raises(CheckpointNotFound):
        await restoring
    assert world.context.info().state == "idle"


async def test_an_execution_gets_its_checkpoint_and_undo_goes_back_to_it(world: World) -> None:
    await world.run(world.worker)
    await world.run(world.worker, checkpoint=True)
    assert world.copier.purposes == ["checkpoint"]
    info = await world.state.undo(world.context.id)
    assert (info.checkpoint.automatic, info.checkpoint.executions) == (True, 1)
    assert world.context.pid == world.copier.copies[1].pid
    with pytest.raises(NothingToUndo, match="the last execution, 1, ran without"):
        await world.state.undo(world.context.id)


async def test_undo_after_the_worker_s_death_goes_back_and_nothing_says_restarted(world: World) -> None:
    execution = world.submit(checkpoint=True)
    await world.worker.run()
    world.worker.exit("killed by SIGKILL")
    assert (await ended(execution)).outcome is Outcome.LOST
    await world.state.undo(world.context.id)
    restored = world.copier.copies[1]
    execution = await world.run(restored)
    told = [event async for _, event in execution.journal.follow(0)]
    assert not [event for event in told if isinstance(event, events.Restarted)]


async def test_an_execution_does_not_run_without_its_checkpoint(world: World) -> None:
    world.copier.failure = OperationFailed("no descriptors are left")
    execution, other = world.submit(checkpoint=True), world.submit()
    last = await ended(execution)
    assert (last.outcome, type(last.cause)) == (Outcome.CANCELLED, OperationFailed)
    assert last.error == events.Failure(name="ContextError", value="no descriptors are left")
    world.worker.done(await world.worker.run())
    assert (await ended(other)).outcome is Outcome.COMPLETED
    assert world.context.info().executions == 1


async def test_checkpoints_of_clients_are_not_dropped_for_an_execution(world: World) -> None:
    for _ in range(2):
        await world.state.checkpoint(world.context.id)
    last = await ended(world.submit(checkpoint=True))
    assert type(last.cause) is CheckpointsFull
    with pytest.raises(CheckpointsFull):
        await world.state.checkpoint(world.context.id)


async def test_a_mistake_in_the_daemon_is_told_without_its_details(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.copier.failure = ZeroDivisionError()
    last = await ended(world.submit(checkpoint=True))
    assert str(last.cause) == "internal error; the daemon's log says more"
    assert "ZeroDivisionError" in caplog.text


async def test_a_client_that_goes_away_meanwhile_gets_no_checkpoint(world: World) -> None:
    world.copier.gate.clear()
    keeping = asyncio.create_task(world.state.checkpoint(world.context.id))
    await world.copier.asked.wait()
    keeping.cancel()
    await asyncio.wait([keeping])
    world.copier.gate.set()
    await world.run(world.worker)
    assert await world.state.checkpoints(world.context.id) == []
    await world.copier.copies[0].killed.wait()


async def test_all_copies_end_with_the_context(world: World) -> None:
    account = world.context.account
    await world.state.checkpoint(world.context.id)
    await world.run(world.worker, checkpoint=True)
    assert (account.checkpoints, len(world.manager.keeper.copies()[world.worker.pid])) == (2, 2)
    await world.manager.delete(world.context.id)
    assert [it.exited for it in world.copier.copies] == ["killed by SIGKILL"] * 2
    assert (account.checkpoints, account.checkpoint_bytes, world.manager.keeper.copies()) == (0, 0, {})
    with pytest.raises(ContextDeleted):
        await world.context.operate(world.copier.branch)  # type: ignore[arg-type]


async def test_going_back_is_a_use_of_the_context(world: World) -> None:
    kept = await world.state.checkpoint(world.context.id)
    world.context.transcript.idle_at = 0
    await world.state.restore(world.context.id, kept.id)
    assert world.context.transcript.idle_at > 0


@pytest.mark.parametrize("closes", [False, True])
async def test_a_worker_that_ends_during_a_restore_is_not_missed(world: World, closes: bool) -> None:
    kept = await world.state.checkpoint(world.context.id)
    world.copier.gate.clear()
    world.copier.asked.clear()
    restoring = asyncio.create_task(world.state.restore(world.context.id, kept.id))
    await world.copier.asked.wait()
    if closes:
        world.worker.listener.on_closed()
    else:
        world.worker.exit("killed by SIGKILL")
    world.copier.gate.set()
    await restoring
    assert world.context.pid == world.copier.copies[-1].pid
    assert world.copier.purposes[-1] == "restore"


async def test_a_client_that_restarts_the_context_meanwhile_is_obeyed(world: World) -> None:
    kept = await world.state.checkpoint(world.context.id)
    world.copier.gate.clear()
    world.copier.asked.clear()
    restoring = asyncio.create_task(world.state.restore(world.context.id, kept.id))
    await world.copier.asked.wait()
    await world.context.restart()
    world.copier.gate.set()
    with pytest.raises(ContextRestarted):
        await restoring
    assert world.copier.purposes == ["checkpoint"]
