"""The archives of a daemon: found by id or name, and counted for their tenants."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from giving import GivenLauncher
from kept_archives import keep
from managers import open_manager

from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.archives import KeptArchives, kept_archives
from interpreterd.contexts.state.backends.room import LEAST_FILE_BYTES
from interpreterd.contexts.state.local import LocalState
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.model.access_errors import QuotaReached
from interpreterd.model.requests import CreateContext
from interpreterd.model.rules import Rules
from interpreterd.model.state_errors import ArchiveNotFound, ArchiveRefused
from interpreterd.pipe.archiving import Archived, WriteArchive
from interpreterd.setting_kinds import SettingError


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


async def put(archives: KeptArchives, archive_id: str, **more: object) -> None:
    await asyncio.to_thread(keep, archives.backend, archive_id, **more)


async def test_the_latest_of_a_name_counts_and_an_id_before_a_name(archives: KeptArchives) -> None:
    await put(archives, "b", name="n", created_at=2.0, tenant="t")
    await put(archives, "a", name="n", created_at=3.0)
    await put(archives, "c", name="a", created_at=4.0)
    assert await archives.find("n") == "a"
    assert await archives.find("a") == "a"
    assert await archives.find("n", tenant="t") == "b"
    for unknown in ("", "x"):
        with pytest.raises(ArchiveNotFound):
            await archives.find(unknown)
    with pytest.raises(ArchiveNotFound):
        await archives.find("a", tenant="t")


async def test_a_listing_may_begin_behind_an_archive(archives: KeptArchives) -> None:
    for number, name in enumerate("abc"):
        await put(archives, name, created_at=float(number), tenant="t" if name == "b" else "")
    assert [it.id for it in await archives.list()] == ["a", "b", "c"]
    assert [it.id for it in await archives.list(after="a")] == ["b", "c"]
    assert [it.id for it in await archives.list(tenant="t")] == ["b"]
    with pytest.raises(ArchiveNotFound):
        await archives.list(after="a", tenant="t")


async def test_a_corrupt_archive_is_told_to_who_names_it(archives: KeptArchives, tmp_path: Path) -> None:
    (tmp_path / "state" / "archives" / "a").write_bytes(b"half")
    assert await archives.list() == []
    with pytest.raises(ArchiveRefused, match="corrupt"):
        await archives.find("a")
    with pytest.raises(ArchiveNotFound):
        await archives.find("a", tenant="t")
    assert await archives.owner("a") is None
    await archives.delete("a")
    assert await archives.owner("a") is None


async def test_what_is_there_at_the_start_is_counted_for_its_tenant(tmp_path: Path, launcher: GivenLauncher) -> None:
    settings = StateSettings(state_dir=str(tmp_path / "state"))
    async with open_manager(launcher, tmp_path) as manager:
        async with kept_archives(settings, manager.tenancies) as archives:
            await put(archives, "a", tenant="t")
        async with kept_archives(settings, manager.tenancies) as archives:
            account = manager.tenancies.accounts.of("t")
            assert account.archives == 1
            assert account.archive_bytes == LEAST_FILE_BYTES
            await archives.delete("a")
            assert (account.archives, account.archive_bytes) == (0, 0)
            with pytest.raises(ArchiveNotFound):
                await archives.delete("a")


async def archived(manager: Manager, launcher: GivenLauncher, data: bytes) -> str:
    """WriteArchive a new context, whose worker writes ``data``; return the archive's id."""
    worker = launcher.stock_up()
    context = await manager.create(CreateContext(tenant="t"))
    task = asyncio.create_task(LocalState(manager).archive(context.id, "n"))
    await worker.asked_to(WriteArchive)
    fd = await worker.gift()

    def write() -> None:
        with open(fd, "wb") as pipe:
            pipe.write(data)

    await asyncio.to_thread(write)
    worker.say(Archived(saved=("x",), skipped=(), modules=(), size_bytes=len(data)))
    info = await task
    assert (info.name, info.context_id, info.python, info.saved) == ("n", context.id, "3.11.7", ("x",))
    return info.id


async def test_a_context_is_archived_and_counted(
    manager: Manager, launcher: GivenLauncher, archives: KeptArchives
) -> None:
    archive_id = await archived(manager, launcher, b"content")
    assert await LocalState(manager).owner_of_archive(archive_id) == "t"
    account = manager.tenancies.accounts.of("t")
    assert (account.archives, account.archive_bytes) == (1, LEAST_FILE_BYTES)


async def test_a_tenant_has_a_limit(manager: Manager, launcher: GivenLauncher, archives: KeptArchives) -> None:
    rules = Rules()
    manager.tenancies.add("t", attrs.evolve(rules, quotas=attrs.evolve(rules.quotas, archive_bytes=5000)))
    await archived(manager, launcher, b"content")
    await put(archives, "other", tenant="u")  # of another tenant
    manager.tenancies.accounts.of("t").archive_bytes = 5000
    context = await manager.create(CreateContext(tenant="t"))
    with pytest.raises(QuotaReached, match="archives-total-bytes"):
        await LocalState(manager).archive(context.id)


async def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path, launcher: GivenLauncher) -> None:
    (tmp_path / "state").write_text("")
    settings = StateSettings(state_dir=str(tmp_path / "state"))
    async with open_manager(launcher, tmp_path) as manager:
        with pytest.raises(SettingError, match=r"^the state directory .*/state cannot be used: "):
            async with kept_archives(settings, manager.tenancies):
                pass
