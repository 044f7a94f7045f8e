"""The files of a context, by threads: nothing holds up the loop, and nothing stays of a transfer that is given up."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from interpreterd.contexts import files as service
from interpreterd.contexts.files import LocalFiles, Transfers
from interpreterd.files.settings import FileSettings
from interpreterd.model.errors import LimitReached
from interpreterd.model.file_errors import FileError, FileTooLarge, NoSuchFile
from interpreterd.model.files import ANYHOW


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(str(tmp_path), FileSettings(file_limit_bytes=1000), Transfers())


async def test_a_file_is_written_listed_read_and_deleted(files: LocalFiles) -> None:
    async with files.writing("a/file", ANYHOW, size_bytes=6) as upload:
        await upload.write(b"one")
        await upload.write(b"two")
        assert (await files.list()).files == []
        info, is_new = await upload.commit()
    assert is_new
    assert (await files.list(glob="**/file")).files == [info]
    async with files.reading("a/file") as download:
        assert (download.info, await download.read(2, 2)) == (info, b"et")
    await files.delete("a", ANYHOW, recursive=True)
    assert (await files.list()).files == []


async def test_an_upload_without_a_commit_leaves_nothing(files: LocalFiles, tmp_path: Path) -> None:
    async with files.writing("file", ANYHOW) as upload:
        await upload.write(b"x")
        with pytest.raises(FileTooLarge):
            await upload.write(b"x" * 1000)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_a_cancelled_transfer_closes_its_file_when_its_thread_is_done(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    write = service.NewFile.write

    def slow(self: Any, data: bytes) -> None:
        begun.set()
        go_on.wait()
        write(self, data)

    monkeypatch.setattr(service.NewFile, "write", slow)

    async def transfer() -> None:
        async with files.writing("file", ANYHOW) as upload:
            await upload.write(b"x")

    before = len(await asyncio.to_thread(os.listdir, "/proc/self/fd"))
    task = asyncio.create_task(transfer())
    await asyncio.to_thread(begun.wait)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await asyncio.to_thread(os.listdir, "/proc/self/fd")) == before
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_transfers_at_the_same_time_are_limited(files: LocalFiles) -> None:
    transfers = Transfers()
    transfers.limit = 1
    limited = LocalFiles(files._directory, FileSettings(), transfers)
    async with limited.writing("file", ANYHOW) as upload:
        with pytest.raises(LimitReached, match="the limit is 1"):
            async with limited.reading("file"):
                pass
        await upload.commit()
    for _ in range(2):  # one that fails counts no longer
        with pytest.raises(NoSuchFile):
            async with limited.reading("nothing"):
                pass
    async with limited.reading("file"):
        pass


async def test_a_deletion_that_takes_too_long_ends(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread((tmp_path / "d" / "e").mkdir, parents=True)
    monkeypatch.setattr(service, "DELETE_LIMIT_S", -1.0)
    with pytest.raises(FileError, match="repeat it to go on"):
        await files.delete("d", ANYHOW, recursive=True)
