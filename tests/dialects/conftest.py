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
    """What the daemon under test starts workers with."""
    return FakeLauncher()


@pytest.fixture(params=[LocalContexts, Forwarded], ids=["here", "elsewhere"])
def open_client(
    request: pytest.FixtureRequest,
    aiohttp_client: Any,
    launcher: FakeLauncher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Awaitable[Client]]:
    """``await open_client(setting=…)``: a client of a new application, whose dialects reach contexts here or elsewhere.

    So every test that has it shows that its dialect asks nothing but the port, and that the port can be far away.
    """
    monkeypatch.setattr(app, "LocalContexts", request.param)

    async def start(**settings: Any) -> Client:
        chosen = Settings.of(cwd=str(tmp_path), **settings)
        client: Client = await aiohttp_client(make_app(settings=chosen, launcher=launcher))
        return client

    return start
