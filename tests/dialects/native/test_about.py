"""The daemon describes itself: its health, its version and the Python of its workers."""

import platform
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd import __version__
from interpreterd.app import make_app
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.settings import Settings


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Any:
    return await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))


async def test_health_asks_no_worker(client: Any, launcher: FakeLauncher) -> None:
    async with client.get("/health") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    assert launcher.workers == []


async def test_version_names_daemon_and_workers(client: Any) -> None:
    async with client.get("/version") as response:
        assert await response.json() == {
            "version": __version__,
            "python": platform.python_version(),
            "worker": {"executable": "/usr/bin/python3", "python": "3.11.7"},
        }


async def test_version_says_why_there_is_no_python(
    client: Any, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise WorkerStartFailed("python3 not found")

    monkeypatch.setattr(launcher, "describe_python", fail)
    async with client.get("/version") as response:
        assert (response.status, (await response.json())["worker"]) == (200, {"error": "python3 not found"})
