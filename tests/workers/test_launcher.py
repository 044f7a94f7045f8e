"""A worker from any launcher is configured for its context."""

import os
from pathlib import Path
from typing import Any

import attrs
import pytest
from fake_worker import FakeLauncher, FakeWorker

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Configure, Configured, Failed
from interpreterd.workers.launcher import launch_configured
from interpreterd.workers.worker import configure


@pytest.fixture
async def launcher() -> FakeLauncher:
    return FakeLauncher()


WANTED = [
    ({}, True),
    ({"cwd": "{cwd}/."}, False),
    ({"envs": {"A": ""}}, False),
    ({"data_bytes": 1 << 30}, False),
]


@pytest.mark.parametrize(("difference", "at_once"), WANTED)
async def test_only_a_worker_with_the_wanted_configuration_is_not_configured_again(
    launcher: FakeLauncher, tmp_path: Path, difference: dict[str, Any], at_once: bool
) -> None:
    cwd = os.getcwd()  # the fake worker has the pid, so also the directory, of the test's process
    worker = FakeWorker(os.getpid(), answer=Configured())
    launcher.stock = [worker]
    await configure(worker, Configure(cwd=cwd), 10)
    worker.configured_with = None
    changed = {key: value.format(cwd=cwd) if key == "cwd" else value for key, value in difference.items()}
    wanted = attrs.evolve(Configure(cwd=cwd), **changed)
    assert await launch_configured(launcher, wanted, 10) is worker
    assert worker.configured_with == (None if at_once else wanted)
    assert worker.configured == wanted


async def test_a_worker_that_cannot_be_configured_is_killed_and_the_reason_told(
    launcher: FakeLauncher, tmp_path: Path
) -> None:
    launcher.answer = Failed(reason="cannot enter it")
    with pytest.raises(WorkerStartFailed, match="cannot enter it"):
        await launch_configured(launcher, Configure(cwd=str(tmp_path)), 10)
    assert launcher.workers[0].calls == ["kill"]


async def test_a_mistake_of_a_launcher_is_a_start_that_failed(
    launcher: FakeLauncher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    launcher.failure = ZeroDivisionError()
    with pytest.raises(WorkerStartFailed, match="internal error"):
        await launch_configured(launcher, Configure(cwd=str(tmp_path)), 10)
    assert "ZeroDivisionError" in caplog.text
