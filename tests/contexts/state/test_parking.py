"""The memory of all checkpoints is bounded: automatic ones give way, and new ones are refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from copying import Copier, original

from interpreterd.contexts.state import parking as module
from interpreterd.contexts.state.checkpoints import Checkpoints
from interpreterd.contexts.state.parked import Parked
from interpreterd.contexts.state.parking import Parking
from interpreterd.model.state_errors import CheckpointsFull, OperationFailed


@pytest.fixture
def copier(monkeypatch: pytest.MonkeyPatch) -> Copier:
    return Copier(monkeypatch)


@pytest.fixture
async def parking(copier: Copier) -> AsyncIterator[Parking]:
    async with asyncio.TaskGroup() as tasks:
        yield (it := Parking(tasks, 100))
        it.close()


async def take(its: Checkpoints, copier: Copier, size_bytes: int, *, automatic: bool = False) -> Parked:
    parked = await its.take(original(), count=0, automatic=automatic)
    copier.memory[parked.worker.pid] = size_bytes
    await its.admit(parked)
    return parked


async def test_the_oldest_automatic_checkpoint_of_any_context_gives_way(copier: Copier, parking: Parking) -> None:
    one, other = copier.checkpoints(parking), copier.checkpoints(parking)
    manual = await take(one, copier, 30)
    first = await take(one, copier, 30, automatic=True)
    second = await take(other, copier, 30, automatic=True)
    third = await take(other, copier, 30)
    assert [it.is_there for it in (manual, first, second, third)] == [True, False, True, True]
    assert copier.ended == [(first, "memory")]
    assert parking.kept_bytes == 90
    assert parking.count == 3


async def test_without_an_automatic_one_the_new_checkpoint_is_refused(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    await take(its, copier, 90)
    with pytest.raises(CheckpointsFull, match="the limit is 100 bytes"):
        await take(its, copier, 20)
    assert [it.private_bytes for it in its.parked()] == [90]
    assert copier.copies[1].killed.is_set()


async def test_a_checkpoint_that_ends_before_it_is_measured_is_not_said_to_be_too_large(
    copier: Copier, parking: Parking
) -> None:
    its = copier.checkpoints(parking)
    parked = await its.take(original(), count=0)
    parked.drop(None)
    with pytest.raises(OperationFailed, match="has just ended"):
        await its.admit(parked)


async def test_when_all_memory_is_taken_no_copy_is_made(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    await take(its, copier, 100)
    with pytest.raises(CheckpointsFull):
        await its.take(original(), count=0)
    assert len(copier.copies) == 1


async def test_memory_that_has_grown_costs_the_context_that_keeps_most_its_oldest(
    copier: Copier, parking: Parking, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = copier.checkpoints(parking), copier.checkpoints(parking)
    kept = await take(small, copier, 10)
    first, second = await take(large, copier, 10), await take(large, copier, 10)
    monkeypatch.setattr(module, "MEASURED_EVERY_S", 0.001)
    copier.memory[first.worker.pid] = copier.memory[second.worker.pid] = 60
    await take(copier.checkpoints(parking), copier, 1)
    await first.ended.wait()
    assert [it.is_there for it in (kept, first, second)] == [True, False, True]


async def test_a_checkpoint_that_is_being_copied_does_not_give_way(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    first, second = await take(its, copier, 50, automatic=True), await take(its, copier, 50, automatic=True)
    copier.gate.clear()
    copier.asked.clear()
    copying = asyncio.create_task(its.copy(first))
    await copier.asked.wait()
    copier.gate.set()
    its.relieve()
    assert [it.is_there for it in (first, second)] == [True, False]
    await copying
    assert not first.uses


async def test_when_measuring_fails_the_last_figures_stay(
    copier: Copier, parking: Parking, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = copier.checkpoints(parking)
    await take(its, copier, 40)

    def fail(groups: object) -> None:
        raise OSError("no descriptors")

    monkeypatch.setattr(module, "measure_copies", fail)
    await its.measure()
    monkeypatch.setattr(module, "measure_copies", lambda groups: [None for _ in groups])
    await its.measure()
    assert its.kept_bytes == 40


async def test_without_copies_nothing_is_looked_at(copier: Copier, parking: Parking) -> None:
    its = copier.checkpoints(parking)
    parked = await take(its, copier, 1)
    parked.drop("deleted")
    assert (parking.kept_bytes, parking.count) == (0, 0)
    assert len(asyncio.all_tasks()) <= 2, "this test, and perhaps the look that is being cancelled"
