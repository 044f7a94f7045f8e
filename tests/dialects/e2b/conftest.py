"""Fixtures: an application that speaks only E2B's API, over fake workers."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.settings import Settings

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def e2b(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Client:
    """Return a client of an application of two contexts at most."""
    settings = Settings.of(cwd=str(tmp_path), max_contexts=2, base_path="/below")
    client: Client = await aiohttp_client(make_app(settings=settings, launcher=launcher, dialects=["e2b"]))
    return client
