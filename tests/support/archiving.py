"""Archives by whole daemons, for tests."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from harness import Client, Daemon
from standing import SharedDaemon

Start = Callable[..., Awaitable[Daemon]]
Standing = Callable[..., SharedDaemon]
STATE: Final = ("--state-dir", "state")
SETUP: Final = """
import math
data = [1, 2, 3]
same = data
def total(): return sum(data) + math.floor(2.5)
"""
BAD: Final = """
import os, signal
class Bad:
    def __reduce__(self):
        {}
"""
"""Code of a class with an object that does something when it is archived."""


@contextlib.asynccontextmanager
async def at(daemon: Daemon | SharedDaemon) -> AsyncIterator[Client]:
    """Give the block a client of ``daemon``."""
    async with Client(daemon.url) as client:
        yield client


async def archived(client: Client, code: str = SETUP, **keys: Any) -> dict[str, Any]:
    """Return the archive ``n`` of a new context that has run ``code``."""
    context = await client.create(**keys)
    assert (await client.run(code, context)).error is None
    status, body = await client.request("POST", f"/context/{context}/archive", json={"name": "n"})
    assert status == 200, body
    return dict(body)


async def loaded(client: Client, archive: str, **keys: Any) -> dict[str, Any]:
    """Return a new context, made from an archive."""
    status, body = await client.request("POST", "/context", json={"archive": archive, **keys})
    assert status == 200, body
    return dict(body)


async def content(client: Client, archive_id: str) -> bytes:
    """Return the file of an archive."""
    async with client.http.get(f"{client.base}/archives/{archive_id}/content") as response:
        assert response.status == 200
        return await response.read()


async def ids(client: Client) -> list[str]:
    """Return the ids of all archives."""
    return [it["archiveId"] for it in (await client.request("GET", "/archives"))[1]["archives"]]
