"""Fixtures: contexts over fake workers, whose program the test plays; and a client of a real daemon."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from connecting import Player, Rpc
from fake_worker import FakeLauncher, FakeWorker

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.settings import Settings


@pytest.fixture
def fakes() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def service(fakes: FakeLauncher, tmp_path: Path) -> AsyncIterator[LocalContexts]:
    """Yield a service of at most six contexts."""
    settings = Settings.of(cwd=str(tmp_path), max_contexts=6)
    async with Manager(settings.contexts, settings.workers, fakes) as manager:
        yield LocalContexts(manager)


@pytest.fixture
def play(fakes: FakeLauncher) -> Any:
    """Return a function that returns the player of the next execution, of the latest or a new worker."""

    async def begin(worker: FakeWorker | None = None) -> Player:
        chosen = worker or await fakes.worker()
        return Player(chosen, await chosen.run())

    return begin


@pytest.fixture
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client of a real daemon."""
    async with aiohttp.ClientSession(url) as session:
        yield session


@pytest.fixture
def rpc(http: aiohttp.ClientSession) -> Rpc:
    return Rpc(http)
