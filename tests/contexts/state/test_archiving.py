"""Archives of workers that do as they should, and of those that do not."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest
from giving import GivenWorker
from kept_archives import about, keep, kept, noise, store_at
from soon import soon

from interpreterd.contexts.state import archiving
from interpreterd.contexts.state.archiving import load_archive, write_archive
from interpreterd.contexts.state.backends.directory import DirectoryStore
from interpreterd.contexts.state.backends.durable import DurableFile
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.model.archives import ArchiveInfo, Skipped
from interpreterd.model.errors import LimitReached, OutOfResources
from interpreterd.model.file_errors import DiskFull
from interpreterd.model.state_errors import ArchiveRefused, OperationFailed, OutOfStep
from interpreterd.pipe.archiving import Archived, ArchiveFailed, Load, Loaded, LoadFailed, WriteArchive
from interpreterd.pipe.messages import Configured


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectoryStore]:
    with store_at(tmp_path / "state") as made:
        yield made


def archived(size_bytes: int) -> Archived:
    return Archived(saved=("x",), skipped=(Skipped("f", "a file"),), modules=("numpy",), size_bytes=size_bytes)


def described(told: Archived) -> ArchiveInfo:
    return about("a", saved=told.saved, skipped=told.skipped, modules=told.modules)


@contextlib.asynccontextmanager
async def writing(
    store: DirectoryStore, worker: GivenWorker, may_have: Callable[[int], None] | None = None
) -> "AsyncIterator[tuple[asyncio.Task[ArchiveInfo], FileIO]]":
    """Give the block an archive that is being written, and the worker's end of the pipe."""
    task = asyncio.create_task(write_archive(store, "archives", worker, described, may_have))
    await worker.asked_to(WriteArchive)
    fd = await worker.gift()
    with FileIO(fd, "wb") as pipe:
        yield task, pipe


async def nothing_is_left(store: DirectoryStore) -> None:
    """Wait until the file that was begun is gone: a thread removes it."""
    folder = os.path.join(store.path, "archives")
    await soon(lambda: not os.listdir(folder) and not store.used_bytes)


async def written(pipe: FileIO, data: bytes, *, closes: bool = False) -> None:
    """Write all of ``data``, or as much as is read."""

    def write() -> None:
        left = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while left:
                left = left[pipe.write(left) or 0 :]
        if closes:
            pipe.close()

    await asyncio.to_thread(write)


async def test_what_the_worker_writes_is_an_archive(store: DirectoryStore) -> None:
    worker, data = GivenWorker(), noise(3_000_000)
    listener = worker.listener
    async with writing(store, worker) as (task, pipe):
        await written(pipe, data, closes=True)
        worker.say(archived(len(data)))
        info = await task
    assert (info.saved, info.skipped, info.content_bytes) == (("x",), (Skipped("f", "a file"),), len(data))
    assert await asyncio.to_thread(kept, store, "a") == data
    assert worker.listener is listener


async def test_an_end_of_the_pipe_that_stays_open_is_not_waited_for(store: DirectoryStore) -> None:
    worker = GivenWorker()
    async with writing(store, worker) as (task, pipe):
        await written(pipe, b"abc")
        worker.say(archived(3))
        await task
    assert await asyncio.to_thread(kept, store, "a") == b"abc"


async def test_a_worker_that_cannot_archive_says_why_and_goes_on(store: DirectoryStore) -> None:
    worker = GivenWorker()
    async with writing(store, worker) as (task, pipe):
        await written(pipe, b"abc")
        worker.say(ArchiveFailed(reason="it was interrupted"))
        with pytest.raises(OperationFailed, match=r"^the context could not be archived: it was interrupted$"):
            await task
    await nothing_is_left(store)
    assert worker.calls == []


@pytest.mark.parametrize("size", [2, 4])
async def test_a_worker_that_lies_about_the_size_is_of_no_use(store: DirectoryStore, size: int) -> None:
    worker = GivenWorker()
    async with writing(store, worker) as (task, pipe):
        await written(pipe, b"abc")
        worker.say(archived(size))
        with pytest.raises(OutOfStep, match="as it says"):
            await task
    await nothing_is_left(store)


async def test_a_worker_that_says_something_else_is_of_no_use(store: DirectoryStore) -> None:
    worker = GivenWorker()
    async with writing(store, worker) as (task, _):
        worker.say(Configured())
        with pytest.raises(OutOfStep, match=r"^the context's worker said Configured, not Archived or ArchiveFailed$"):
            await task
    await nothing_is_left(store)


async def test_a_worker_that_dies_meanwhile_leaves_nothing(store: DirectoryStore) -> None:
    worker = GivenWorker()
    async with writing(store, worker) as (task, pipe):
        await written(pipe, b"abc")
        worker.exit("killed by SIGSEGV")
        with pytest.raises(OperationFailed, match=r"^the context's worker has ended: killed by SIGSEGV$"):
            await task
    await nothing_is_left(store)


async def test_a_worker_that_writes_too_much_is_told_by_the_pipe(store: DirectoryStore) -> None:
    def may_have(size_bytes: int) -> None:
        if size_bytes > 2_000_000:
            raise LimitReached("that is too much")

    worker = GivenWorker()
    async with writing(store, worker, may_have) as (task, pipe):
        await written(pipe, noise(9_000_000))  # ends, as nobody reads it any more
        worker.say(ArchiveFailed(reason="the archive could not be written: Broken pipe"))
        with pytest.raises(LimitReached, match=r"^that is too much$"):
            await task
    await nothing_is_left(store)
    assert worker.calls == []


async def test_a_full_disk_is_told_and_the_worker_goes_on(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = DurableFile.write

    def fail(file: DurableFile, data: bytes) -> None:
        if file.size_bytes + len(data) > 1_000_000:
            raise OSError(28, "No space left on device")
        write(file, data)

    monkeypatch.setattr(DurableFile, "write", fail)
    worker = GivenWorker()
    async with writing(store, worker) as (task, pipe):
        await written(pipe, noise(9_000_000))
        worker.say(ArchiveFailed(reason="the archive could not be written: Broken pipe"))
        with pytest.raises(DiskFull, match=r"^no space is left on the disk for the archive$"):
            await task
    await nothing_is_left(store)
    assert store.used_bytes == 0


async def test_a_worker_that_does_nothing_is_interrupted(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "PAUSE_LIMIT_S", 0.01)
    monkeypatch.setattr("interpreterd.contexts.state.incoming._STEP_S", 0.01)
    monkeypatch.setattr(archiving, "SETTLE_S", 1000)
    worker = GivenWorker()
    async with writing(store, worker) as (task, _):
        await worker.interrupted.wait()
        worker.say(ArchiveFailed(reason="it was interrupted"))
        await worker.settle()  # so that the next execution is not
        with pytest.raises(OperationFailed, match=r"^the context's worker wrote nothing to its archive for 0.01 s$"):
            await task
    await nothing_is_left(store)


async def test_a_worker_that_ignores_that_is_of_no_use(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "WRITE_LIMIT_S", 0.01)
    monkeypatch.setattr(archiving, "SETTLE_S", 0.01)
    worker = GivenWorker()
    async with writing(store, worker) as (task, _):
        with pytest.raises(OutOfStep, match=r"could not be archived, and does not go on$"):
            await task
    assert worker.calls == ["interrupt"]
    await nothing_is_left(store)


async def test_an_archive_that_is_not_wanted_any_more_is_dropped(store: DirectoryStore) -> None:
    worker = GivenWorker()
    async with writing(store, worker) as (task, pipe):
        await written(pipe, b"abc")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await nothing_is_left(store)


async def test_a_worker_that_takes_no_descriptor_is_told(store: DirectoryStore) -> None:
    worker = GivenWorker()
    worker.refuses = True
    task = asyncio.create_task(write_archive(store, "archives", worker, described))
    await worker.asked_to(WriteArchive)
    with pytest.raises(OperationFailed, match=r"^the context's worker takes no descriptor: Broken pipe$"):
        await task
    await nothing_is_left(store)


async def test_a_daemon_without_descriptors_says_so(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe", fail)
    with pytest.raises(OutOfResources, match=r"^the daemon has no descriptors left$"):
        await write_archive(store, "archives", GivenWorker(), described)
    await nothing_is_left(store)


@pytest.fixture
def reader(store: DirectoryStore) -> Iterator[ArchiveReader]:
    keep(store, "a", b"content", modules=("numpy",))
    with contextlib.closing(store.open("archives", "a")) as opened:
        yield opened


@contextlib.asynccontextmanager
async def loading(worker: GivenWorker, reader: ArchiveReader) -> "AsyncIterator[asyncio.Task[Loaded]]":
    fd = os.dup(reader.fd)
    checking = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(load_archive(worker, reader, checking))
    request = await worker.asked_to(Load)
    assert isinstance(request, Load)
    assert (request.size_bytes, request.modules) == (7, ("numpy",))
    checking.set_result(fd)  # only when the worker has imported what it will need
    got = await worker.gift()
    assert os.pread(got, 7, request.offset) == b"content"
    os.close(got)
    yield task
    os.close(fd)


async def test_a_worker_gets_what_an_archive_has(reader: ArchiveReader) -> None:
    worker = GivenWorker()
    async with loading(worker, reader) as task:
        worker.say(Loaded(restored=("x",), skipped=()))
        assert (await task).restored == ("x",)


async def test_a_worker_that_cannot_load_says_why(reader: ArchiveReader) -> None:
    worker = GivenWorker()
    async with loading(worker, reader) as task:
        worker.say(LoadFailed(reason="No module named 'pandas'"))
        with pytest.raises(ArchiveRefused, match=r"^the archive a cannot be loaded: No module named 'pandas'$"):
            await task


async def test_a_worker_that_does_not_load_is_of_no_use(reader: ArchiveReader, monkeypatch: pytest.MonkeyPatch) -> None:
    async with loading(GivenWorker(), reader) as task:
        monkeypatch.setattr(archiving, "LOAD_LIMIT_S", 0.01)
        task.cancel()
    worker = GivenWorker()
    task = asyncio.create_task(load_archive(worker, reader, asyncio.get_running_loop().create_future()))
    with pytest.raises(OutOfStep, match=r"did not answer within 0.01 s$"):
        await task


async def test_a_worker_that_cannot_even_begin_says_why(reader: ArchiveReader) -> None:
    worker = GivenWorker()
    task = asyncio.create_task(load_archive(worker, reader, asyncio.get_running_loop().create_future()))
    await worker.told()
    worker.say(LoadFailed(reason="no memory"))
    with pytest.raises(OperationFailed, match=r"^no memory$"):
        await task


async def test_content_that_is_found_to_be_damaged_is_not_given(reader: ArchiveReader) -> None:
    worker, checking = GivenWorker(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(load_archive(worker, reader, checking))
    await worker.asked_to(Load)
    checking.set_exception(ArchiveRefused("the archive a is corrupt"))
    with pytest.raises(ArchiveRefused, match="corrupt"):
        await task
