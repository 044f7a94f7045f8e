"""Fixtures: the application over fake workers, with this dialect."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def box(open_client: Callable[..., Awaitable[Client]]) -> Any:
    """Return a client of an application that speaks this dialect first, and at ``/below``, too."""
    return await open_client(dialects=("opensandbox", "native"), base_path="/below", max_contexts=3)
