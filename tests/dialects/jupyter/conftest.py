"""Fixtures: an application that speaks Jupyter's API, over fake workers, and a client of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kernels import Jupyter


@pytest.fixture
async def jupyter(open_client: Callable[..., Awaitable[Any]]) -> Jupyter:
    """Return a client of the API."""
    return Jupyter(await open_client(dialects=("native", "jupyter")))
