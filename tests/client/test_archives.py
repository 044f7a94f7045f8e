"""``client.archives``: saved, listed, carried away and loaded, with both clients."""

import inspect
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from clients import Face
from standing import SharedDaemon

from interpreterd.client import ArchiveNotFound, NotSavedWhole, Refused
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


async def test_variables_come_back_in_another_context(keeper: Any) -> None:
    context = await keeper.create_context()
    await context.execute("data = [1, 2]; same = data\ndef total(): return sum(data)\ng = (i for i in data)")
    saved = await context.save("mine")
    assert {"data", "same", "total"} <= set(saved.saved)
    assert [it.name for it in saved.skipped] == ["g"]
    assert (saved.name, saved.context_id) == ("mine", context.id)
    loaded = await keeper.load(saved)
    assert [it.name for it in loaded.skipped] == ["g"]
    assert (await loaded.execute("same.append(4); print(total())")).stdout == "7\n"
    by_name = await keeper.load("mine", metadata={"user": "ada"})
    assert (await by_name.execute("print(total())")).stdout == "3\n"
    assert by_name["metadata"] == {"user": "ada"}


async def test_archives_are_listed_shown_and_deleted(keeper: Any) -> None:
    context = await keeper.create_context()
    await context.execute("x = 1")
    saved = await context.save()
    assert saved.data in [it.data for it in await keeper.archives()]
    assert (await keeper.get_archive(saved.id)).data == saved.data
    await keeper.delete_archive(saved)
    assert saved.id not in [it.id for it in await keeper.archives()]
    for call in (keeper.get_archive, keeper.delete_archive, keeper.load):
        with pytest.raises(ArchiveNotFound):
            await call(saved.id)


async def test_an_archive_is_carried_away_and_brought_back(keeper: Any, tmp_path: Path) -> None:
    context = await keeper.create_context()
    await context.execute("data = bytes(range(256)) * 10_000")
    saved = await context.save()
    path = await keeper.download_archive(saved, tmp_path)
    assert path.parent == tmp_path
    assert path.stat().st_size > 0
    await keeper.delete_archive(saved)
    again = await keeper.upload_archive(path)
    assert (again.id, again.saved) == (saved.id, saved.saved)
    loaded = await keeper.load(again)
    assert (await loaded.execute("print(data == bytes(range(256)) * 10_000)")).stdout == "True\n"
    content = path.read_bytes()
    await keeper.delete_archive(again)
    assert (await keeper.upload_archive(content, saved.id)).id == saved.id


async def test_a_file_that_is_no_archive_is_refused(keeper: Any, tmp_path: Path) -> None:
    (tmp_path / "it.archive").write_bytes(b"no archive" * 100)
    with pytest.raises(Refused):
        await keeper.upload_archive(tmp_path / "it.archive")
    with pytest.raises(TypeError, match="archive must be given"):
        await keeper.upload_archive(b"no archive")
    with pytest.raises(TypeError, match="archive must be an id or name"):
        await keeper.load(1)


async def test_a_daemon_without_a_state_directory_says_what_is_missing(py: Any) -> None:
    context = await py.create_context()
    for call in (context.save, context.hibernate, py.archives):
        with pytest.raises(Refused, match="--state-dir"):
            await call()


async def test_a_context_hibernates_and_wakes(keeper: Any) -> None:
    context = await keeper.create_context()
    await context.execute("x = 42")
    resting = await context.hibernate()
    assert (resting.id, resting["state"], resting.active) == (context.id, "hibernating", False)
    execution = await context.execute("print(x)")
    assert execution.stdout == "42\n"
    assert execution.restored is not None
    assert execution.restored.missing == ()


async def test_a_context_that_cannot_be_saved_whole_does_not_hibernate(keeper: Any) -> None:
    context = await keeper.create_context()
    await context.execute("x = 1; g = (i for i in 'abc'); next(g)")
    with pytest.raises(NotSavedWhole) as caught:
        await context.hibernate()
    assert [it.name for it in caught.value.skipped] == ["g"]
    assert (await context.execute("print(x, next(g))")).stdout == "1 b\n"
