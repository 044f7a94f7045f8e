"""Fixtures: the application over fake workers, within the test's process."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from forwarding import Forwarded

from interpreterd import app
from interpreterd.app import make_app
from interpreterd.contexts.local import LocalContexts
from interpreterd.settings import Settings

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture(params=[LocalContexts, Forwarded], ids=["here", "elsewhere"])
def open_client(
    request: pytest.FixtureRequest,
    aiohttp_client: Any,
    launcher: FakeLauncher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Awaitable[Client]]:
    """Return a function: ``await open_client(setting=…)`` starts an application and returns a client of it.

    The contexts are in the same process or behind a forwarding service, so a dialect can use only the port.
    """
    monkeypatch.setattr(app, "LocalContexts", request.param)

    async def start(**settings: Any) -> Client:
        chosen = Settings.of(cwd=str(tmp_path), **settings)
        client: Client = await aiohttp_client(make_app(settings=chosen, launcher=launcher))
        return client

    return start
