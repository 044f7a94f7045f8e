"""The checkpoints of one context, over fake copies: their number, their names, what undo finds."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from copying import Copier, original

from interpreterd.contexts.state.parking import Parking
from interpreterd.model.state_errors import (
    CheckpointExists,
    CheckpointNotFound,
    CheckpointsFull,
    NothingToUndo,
    OperationFailed,
    OutOfStep,
)


@pytest.fixture
def copier(monkeypatch: pytest.MonkeyPatch) -> Copier:
    return Copier(monkeypatch)


@pytest.fixture
async def parking() -> AsyncIterator[Parking]:
    async with asyncio.TaskGroup() as tasks:
        yield (it := Parking(tasks, 1 << 30))
        it.close()


async def test_the_oldest_automatic_one_gives_way_to_the_next(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    manual = await its.take(original(), count=0, name="mine")
    first = await its.take(original(), count=0, automatic=True)
    second = await its.take(original(), count=0, automatic=True)
    third = await its.take(original(), count=0, automatic=True)
    assert [it.id for it in its.parked()] == [manual.id, second.id, third.id]
    assert copier.ended == [(first, "oldest")]
    assert copier.pids[-1] == (2000, 2002, 2003)


async def test_when_all_were_made_by_clients_the_next_is_refused(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking, 2)
    for _ in range(2):
        await its.take(original(), count=0)
    for automatic in (False, True):
        with pytest.raises(CheckpointsFull, match="2 is the limit: delete one"):
            await its.take(original(), count=0, automatic=automatic)
    assert len(copier.copies) == 2


async def test_a_limit_of_0_means_none(copier: Copier, parking: Parking) -> None:
    with pytest.raises(CheckpointsFull, match="--checkpoints is 0"):
        await copier.checkpoints(parking, 0).take(original(), count=0)


async def test_a_checkpoint_is_found_by_its_id_and_by_its_name(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    mine = await its.take(original(), count=0, name="mine")
    assert its.find("mine") is its.find(mine.id) is mine
    with pytest.raises(CheckpointNotFound, match="checkpoint not found: yours"):
        its.find("yours")


async def test_a_name_is_given_once(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    mine = await its.take(original(), count=0, name="mine")
    for name in ("mine", mine.id):
        with pytest.raises(CheckpointExists, match=f"the context has a checkpoint {name}"):
            await its.take(original(), count=0, name=name)
    mine.drop("deleted")
    await its.take(original(), count=0, name="mine")


async def test_a_copy_that_fails_leaves_everything_as_it_was(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking, 1)
    kept = await its.take(original(), count=0, automatic=True)
    copier.failure = OperationFailed("no descriptors are left")
    with pytest.raises(OperationFailed, match="no descriptors are left"):
        await its.take(original(), count=0, automatic=True)
    with pytest.raises(OperationFailed, match="the checkpoint cannot be restored: no descriptors"):
        await its.copy(kept)
    assert its.parked() == [kept]


async def test_a_parked_copy_that_is_out_of_step_is_lost_and_the_context_s_worker_is_not(
    copier: Copier, parking: Parking
) -> None:
    its = copier.checkpoints(parking)
    kept = await its.take(original(), count=0)
    copier.failure = OutOfStep("the context's worker did not answer within 20 s")
    with pytest.raises(OperationFailed) as caught:
        await its.copy(kept)
    assert not isinstance(caught.value, OutOfStep)
    assert its.parked() == []
    with pytest.raises(CheckpointNotFound):
        await its.copy(kept)


async def test_a_copy_is_made_of_the_parked_one_which_stays(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    kept = await its.take(original(), count=0)
    assert [await its.copy(kept), await its.copy(kept)] == copier.copies[1:]
    assert copier.purposes == ["checkpoint", "restore", "restore"]
    assert kept.is_there
    kept.drop("deleted")
    with pytest.raises(CheckpointNotFound):
        await its.copy(kept)


async def test_undo_finds_the_checkpoint_before_the_last_execution(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    with pytest.raises(NothingToUndo, match="there is no execution to undo"):
        its.before_last()
    first = await its.take(original(), count=0, automatic=True)
    its.timeline.begin(1, first.id)
    second = await its.take(original(), count=0, automatic=True)
    its.timeline.begin(2, second.id)
    assert its.before_last() is second
    its.timeline.steps = second.steps
    assert its.before_last() is first
    its.timeline.begin(3, None)
    with pytest.raises(NothingToUndo, match='the last execution, 3, ran without "checkpoint": true'):
        its.before_last()


async def test_undo_says_that_a_checkpoint_is_no_longer_kept(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking, count=6)
    parked = await its.take(original(), count=0, automatic=True)
    its.timeline.begin(7, parked.id)
    copier.copies[0].exit("killed by SIGKILL")
    with pytest.raises(NothingToUndo, match="the checkpoint before the last execution, 7, is no longer kept"):
        its.before_last()


async def test_relief_drops_automatic_ones_alone(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    manual = await its.take(original(), count=0)
    await its.take(original(), count=0, automatic=True)
    assert [its.relieve(), its.relieve()] == [True, False]
    assert its.parked() == [manual]


async def test_closing_ends_all_processes_and_also_one_that_is_made_meanwhile(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    await its.take(original(), count=0)
    copier.gate.clear()
    taking = asyncio.create_task(its.take(original(), count=0))
    await its.close()
    copier.gate.set()
    with pytest.raises(OperationFailed):
        await taking
    await its.close()
    assert all(it.killed.is_set() for it in copier.copies)
    assert copier.ended == []
    assert parking.count == 0


async def test_one_copy_of_a_checkpoint_is_made_at_a_time(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    kept = await its.take(original(), count=0)
    copier.gate.clear()
    copying = [asyncio.create_task(its.copy(kept)) for _ in range(2)]
    while kept.uses < 2:  # noqa: ASYNC110 -- both have begun
        await asyncio.sleep(0)
    assert copier.waiting == 1
    copier.gate.set()
    assert await asyncio.gather(*copying) == copier.copies[1:]
