"""``client.archives``: saved, listed, carried away and loaded, with both clients."""

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from clients import Face
from standing import SharedDaemon

from interpreterd.client import Refused
from interpreterd.client.archives import Archives, AsyncArchives


@pytest.mark.parametrize("name", [name for name in vars(Archives) if not name.startswith("_")])
def test_both_faces_take_the_same_arguments(name: str) -> None:
    blocking, waiting = getattr(Archives, name), getattr(AsyncArchives, name)
    assert inspect.signature(blocking) == inspect.signature(waiting)
    assert inspect.iscoroutinefunction(waiting)
    assert not inspect.iscoroutinefunction(blocking)


@pytest.fixture
async def keeper(face: Face, standing: Callable[..., SharedDaemon], tmp_path_factory: Any) -> AsyncIterator[Any]:
    """Yield a client of a daemon that keeps archives, which are deleted after the test."""
    async with face(standing("--state-dir", "state").url) as client:
        yield client
        for archive in await client.archives():
            await client.delete_archive(archive)


async def test_a_daemon_without_a_state_directory_says_what_is_missing(py: Any) -> None:
    context = await py.create_context()
    for call in (context.save, context.hibernate, py.archives):
        with pytest.raises(Refused, match="--state-dir"):
            await call()
