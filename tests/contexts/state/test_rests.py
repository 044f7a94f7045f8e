"""The archives of contexts at rest: apart from those of clients, counted for tenants, removed when none needs them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from giving import GivenLauncher, GivenWorker
from managers import open_manager

from interpreterd.contexts.context import Context
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.archives import KeptArchives, kept_archives
from interpreterd.contexts.state.backends.room import LEAST_FILE_BYTES
from interpreterd.contexts.state.keeping import Rest
from interpreterd.contexts.state.rests import ArchivedRests, kept_contexts
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.model.archives import Skipped
from interpreterd.model.python import Python
from interpreterd.model.requests import CreateContext
from interpreterd.model.state_errors import ArchiveNotFound, ArchiveRefused
from interpreterd.pipe.archiving import Archived, Load, Loaded, WriteArchive

SKIPPED = (Skipped("s", "a socket"),)


@pytest.fixture
def launcher() -> GivenLauncher:
    return GivenLauncher()


@pytest.fixture
async def manager(tmp_path: Path, launcher: GivenLauncher) -> AsyncIterator[Manager]:
    settings = StateSettings(state_dir=str(tmp_path / "state"))
    async with open_manager(launcher, tmp_path) as made, kept_archives(settings, made.tenancies) as made.archives:
        yield made


@pytest.fixture
def archives(manager: Manager) -> KeptArchives:
    assert manager.archives is not None
    return manager.archives


@pytest.fixture
def rests(manager: Manager, archives: KeptArchives) -> ArchivedRests:
    return ArchivedRests(archives, manager.python)


async def made(manager: Manager, launcher: GivenLauncher) -> tuple[Context, GivenWorker]:
    worker = launcher.stock_up()
    info = await manager.create(CreateContext())
    return manager.existing(info.id), worker


async def saved(rests: ArchivedRests, context: Context, worker: GivenWorker, content: bytes = b"content") -> Rest:
    saving = asyncio.ensure_future(rests.save(context, worker))
    await worker.asked_to(WriteArchive)
    fd = await worker.gift()
    await asyncio.to_thread(os.write, fd, content)
    os.close(fd)
    worker.say(Archived(saved=("a",), skipped=SKIPPED, modules=(), size_bytes=len(content)))
    return await saving


async def loaded(rests: ArchivedRests, context: Context, worker: GivenWorker, archive_id: str) -> bytes:
    """Load an archive; return what the worker gets."""
    loading = asyncio.ensure_future(rests.load(context, worker, archive_id))
    asked = await worker.asked_to(Load)
    assert isinstance(asked, Load)
    fd = await worker.gift()
    content = await asyncio.to_thread(os.pread, fd, asked.size_bytes, asked.offset)
    os.close(fd)
    broken = Skipped("df", "No module named 'pandas'")
    worker.say(Loaded(restored=("a",), skipped=(broken,)))
    assert await loading == (*SKIPPED, broken), "what was not saved, and what could not be given back"
    return content


async def test_what_was_saved_is_loaded_and_is_no_archive_of_clients(
    manager: Manager, launcher: GivenLauncher, archives: KeptArchives, rests: ArchivedRests
) -> None:
    context, worker = await made(manager, launcher)
    rest = await saved(rests, context, worker)
    assert (rest.skipped, rest.size_bytes > 0) == (SKIPPED, True)
    assert rest.archive_id is not None
    assert await archives.list() == []
    assert (context.account.archives, context.account.archive_bytes) == (0, LEAST_FILE_BYTES)
    assert await loaded(rests, context, worker, rest.archive_id) == b"content"
    await rests.remove(rest.archive_id)
    await rests.remove(rest.archive_id)
    assert context.account.archive_bytes == 0
    with pytest.raises(ArchiveNotFound):
        await rests.load(context, worker, rest.archive_id)


async def test_a_corrupt_archive_and_one_of_another_python_are_refused(
    manager: Manager, launcher: GivenLauncher, archives: KeptArchives, rests: ArchivedRests, tmp_path: Path
) -> None:
    context, worker = await made(manager, launcher)
    rest = await saved(rests, context, worker)
    assert rest.archive_id is not None

    async def newer() -> Python:
        return Python(executable="/usr/bin/python3", version="3.99.0")

    with pytest.raises(ArchiveRefused, match=r"run CPython 3\.99\.0"):
        await ArchivedRests(archives, newer).load(context, worker, rest.archive_id)
    path = tmp_path / "state" / "rests" / rest.archive_id
    data = path.read_bytes()
    path.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    with pytest.raises(ArchiveRefused, match="corrupt"):
        await rests.load(context, worker, rest.archive_id)


async def test_only_what_no_record_needs_is_removed(
    manager: Manager, launcher: GivenLauncher, archives: KeptArchives, rests: ArchivedRests, tmp_path: Path
) -> None:
    contexts = [await made(manager, launcher) for _ in range(3)]
    kept, unread, gone = [await saved(rests, *it) for it in contexts]
    name = contexts[1][0].id
    await asyncio.to_thread(archives.backend.write_record, name, {})
    (tmp_path / "state" / "records" / name).write_bytes(b"damaged")
    assert kept.archive_id is not None
    await rests.keep_only([kept.archive_id])
    left = set(os.listdir(tmp_path / "state" / "rests"))
    assert left == {kept.archive_id, unread.archive_id}
    assert gone.archive_id not in left
    assert contexts[0][0].account.archive_bytes == 2 * LEAST_FILE_BYTES


async def test_contexts_are_kept_beside_archives(manager: Manager, archives: KeptArchives) -> None:
    survival = kept_contexts(StateSettings(state_dir="/unused", persistent=True), archives, manager.python)
    async with asyncio.TaskGroup() as tasks:
        await survival.recover(manager, tasks)
    context = manager.get(None)
    survival.attach(context)
    assert context.kept is not None
    await survival.record(context)
    assert set(await asyncio.to_thread(archives.backend.record_names)) == {"default"}
    await survival.forget(context)
    assert set(await asyncio.to_thread(archives.backend.record_names)) == set()
    await survival.close([])
    context.kept = None
