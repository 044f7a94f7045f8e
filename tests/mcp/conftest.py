"""Fixtures: the tools of the MCP server, on a shared daemon whose Python has pandas and matplotlib."""

import sys
from collections.abc import AsyncIterator, Callable

import jsonschema  # noqa: F401  # the SDK imports it at the first result, which no_blocking takes for our call
import pytest
from standing import SharedDaemon
from tooling import Tools


@pytest.fixture
async def url(standing: Callable[..., SharedDaemon]) -> str:
    """Return the address of the shared daemon."""
    return standing("--python", sys.executable).url


@pytest.fixture
async def tools(url: str) -> AsyncIterator[Tools]:
    """Yield the tools on the shared daemon, for a caller that has a context of its own."""
    used = Tools.at(url)
    yield used
    await used.daemon.close()
