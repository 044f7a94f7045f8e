"""The pool, over a fake launcher."""

from collections.abc import AsyncIterator

import pytest
from fake_worker import FakeLauncher

from interpreterd import pool as pool_module
from interpreterd.errors import WorkerStartFailed
from interpreterd.pool import Pool


@pytest.fixture(autouse=True)
def _refill_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "REFILL_AFTER_S", 0)


@pytest.fixture
async def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def pool(launcher: FakeLauncher) -> AsyncIterator[Pool]:
    async with Pool(launcher, 2) as pool:
        yield pool


async def stocked(launcher: FakeLauncher, count: int) -> None:
    """Wait until ``count`` more workers have been started."""
    for _ in range(count):
        await launcher.worker()


async def test_it_starts_none_before_it_is_filled(launcher: FakeLauncher, pool: Pool) -> None:
    assert launcher.workers == []
    pool.fill()
    await stocked(launcher, 2)
    assert len(launcher.workers) == 2


async def test_a_waiting_worker_is_handed_out_once_and_replaced(launcher: FakeLauncher, pool: Pool) -> None:
    pool.fill()
    await stocked(launcher, 2)
    first, second = await pool.launch(), await pool.launch()
    assert [first, second] == launcher.workers[:2]
    await stocked(launcher, 2)
    assert await pool.launch() is launcher.workers[2]


async def test_without_a_waiting_worker_one_is_started(launcher: FakeLauncher) -> None:
    async with Pool(launcher, 0) as pool:
        assert await pool.launch() is launcher.workers[0]
        assert len(launcher.workers) == 1


async def test_one_that_died_while_it_waited_is_not_handed_out(launcher: FakeLauncher, pool: Pool) -> None:
    pool.fill()
    await stocked(launcher, 2)
    launcher.workers[0].exit("killed by SIGKILL")
    assert await pool.launch() is launcher.workers[1]


async def test_one_that_broke_the_protocol_while_it_waited_is_killed(launcher: FakeLauncher, pool: Pool) -> None:
    pool.fill()
    await stocked(launcher, 2)
    launcher.workers[0].listener.on_broken("not JSON")
    assert await pool.launch() is launcher.workers[1]
    assert launcher.workers[0].calls == ["kill"]


async def test_a_failed_start_is_told_to_the_next_who_asks(launcher: FakeLauncher, pool: Pool) -> None:
    launcher.failure = WorkerStartFailed("python3 not found")
    pool.fill()
    with pytest.raises(WorkerStartFailed, match="python3 not found"):
        await pool.launch()
    launcher.failure = None
    assert await pool.launch() in launcher.workers


async def test_at_its_end_no_worker_is_left(launcher: FakeLauncher) -> None:
    async with Pool(launcher, 2) as pool:
        pool.fill()
        await stocked(launcher, 2)
        used = await pool.launch()
    assert [worker for worker in launcher.workers if worker.exited is None] == [used]
