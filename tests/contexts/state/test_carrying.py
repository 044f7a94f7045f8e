"""Archives leave and come, without their bytes in the daemon's memory."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from kept_archives import keep, kept, noise, store_at
from soon import soon

from interpreterd.contexts.state.backends.directory import DirectoryStore
from interpreterd.contexts.state.carrying import ArchiveDownload, in_state_thread, take_archive
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.errors import MalformedRequest
from interpreterd.model.state_errors import ArchiveExists, ArchiveRefused

CONTENT = noise(700_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectoryStore]:
    with store_at(tmp_path / "state") as made:
        yield made


def allow(size_bytes: int) -> None: ...


async def pieces(data: bytes, failure: Exception | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]
    if failure is not None:
        raise failure


async def downloaded(store: DirectoryStore) -> tuple[bytes, ArchiveDownload]:
    download = ArchiveDownload(await in_state_thread(lambda: store.open("archives", "a")))
    data, size = b"", download.info.size_bytes
    while len(data) < size:
        data += await download.read(len(data), 100_000)
    return data, download


async def take(store: DirectoryStore, data: bytes, tenant: str = "") -> tuple[ArchiveInfo, bool]:
    return await take_archive(store, "a", pieces(data), tenant=tenant, may_have=allow)


async def test_an_archive_comes_back_as_it_left(store: DirectoryStore) -> None:
    await asyncio.to_thread(keep, store, "a", CONTENT)
    data, download = await downloaded(store)
    download.close()
    download.close()
    assert (download.info.path, download.info.size_bytes) == ("a.archive", len(data))
    await asyncio.to_thread(store.delete, "archives", "a")
    info, is_new = await take(store, data)
    assert (info.id, is_new) == ("a", True)
    assert await asyncio.to_thread(kept, store, "a") == CONTENT


async def test_the_same_archive_may_come_again_and_another_one_may_not(store: DirectoryStore) -> None:
    await asyncio.to_thread(keep, store, "a", CONTENT)
    data, download = await downloaded(store)
    download.close()
    assert (await take(store, data))[1] is False
    with pytest.raises(ArchiveExists, match=r"^there is another archive with this id: a$"):
        await take(store, data, tenant="other")
    await asyncio.to_thread(keep, store, "a", noise(700_000, 2))
    with pytest.raises(ArchiveExists):
        await take(store, data)


async def test_a_client_that_goes_away_leaves_nothing(store: DirectoryStore, tmp_path: Path) -> None:
    coming = pieces(CONTENT, MalformedRequest("the body cannot be read"))
    with pytest.raises(MalformedRequest):
        await take_archive(store, "a", coming, tenant="", may_have=allow)
    await soon(lambda: not os.listdir(tmp_path / "state" / "archives") and not store.used_bytes)


async def test_what_is_refused_leaves_nothing(store: DirectoryStore, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused):
        await take(store, CONTENT)
    await soon(lambda: not os.listdir(tmp_path / "state" / "archives"))


async def test_a_download_that_is_closed_while_a_thread_reads_ends_afterwards(store: DirectoryStore) -> None:
    await asyncio.to_thread(keep, store, "a", CONTENT)
    reader = await in_state_thread(lambda: store.open("archives", "a"))
    download = ArchiveDownload(reader)
    reading = asyncio.create_task(download.read(0, 100))
    await asyncio.sleep(0)
    reading.cancel()
    download.close()
    await soon(lambda: reader.fd < 0)
