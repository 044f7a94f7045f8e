"""The pool, over a fake launcher."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_worker import FakeLauncher

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Configure, Configured, Failed
from interpreterd.workers.launchers import pool as pool_module
from interpreterd.workers.launchers.pool import Pool


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
    """Wait for ``count`` more started workers."""
    for _ in range(count):
        await launcher.worker()


async def test_it_starts_no_worker_before_it_is_filled(launcher: FakeLauncher, pool: Pool) -> None:
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


async def test_a_worker_that_died_while_it_waited_is_not_handed_out(launcher: FakeLauncher, pool: Pool) -> None:
    pool.fill()
    await stocked(launcher, 2)
    launcher.workers[0].exit("killed by SIGKILL")
    assert await pool.launch() is launcher.workers[1]


async def test_a_worker_that_was_stopped_while_it_waited_is_not_handed_out(launcher: FakeLauncher, pool: Pool) -> None:
    pool.fill()
    await stocked(launcher, 2)
    process = await asyncio.create_subprocess_exec("sleep", "1000")
    process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    launcher.workers[0].pid = process.pid
    assert await pool.launch() is launcher.workers[1]
    assert launcher.workers[0].calls == ["kill"]
    process.kill()
    await process.wait()


async def test_a_worker_that_broke_the_protocol_while_it_waited_is_killed(launcher: FakeLauncher, pool: Pool) -> None:
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


async def test_waiting_workers_are_configured_as_most_contexts_want_it(launcher: FakeLauncher, tmp_path: Path) -> None:
    usual = Configure(cwd=str(tmp_path))
    async with Pool(launcher, 2, usual=usual) as pool:
        pool.fill()
        await stocked(launcher, 2)
        first, second = launcher.workers
        await second.configuring.wait()
        assert (first.configured_with, second.configured_with) == (usual, usual)


async def test_it_fills_also_if_the_usual_directory_is_gone(launcher: FakeLauncher, tmp_path: Path) -> None:
    async with Pool(launcher, 2, usual=Configure(cwd=f"{tmp_path}/gone")) as pool:
        pool.fill()
        await stocked(launcher, 2)
        assert [worker.configured_with for worker in launcher.workers] == [None, None]


async def test_a_worker_that_cannot_be_configured_does_not_wait(launcher: FakeLauncher, tmp_path: Path) -> None:
    launcher.answer = Failed(reason="cannot enter it")
    async with Pool(launcher, 2, usual=Configure(cwd=str(tmp_path))) as pool:
        pool.fill()
        bad = await launcher.worker()
        await bad.killed.wait()
        launcher.answer = Configured()
        assert await pool.launch() is not bad


async def test_at_its_end_no_worker_is_left(launcher: FakeLauncher) -> None:
    async with Pool(launcher, 2) as pool:
        pool.fill()
        await stocked(launcher, 2)
        used = await pool.launch()
    assert [worker for worker in launcher.workers if worker.exited is None] == [used]
