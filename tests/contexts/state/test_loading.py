"""A new context gets what is in an archive, or there is none."""

import asyncio
import os
from pathlib import Path

import pytest
from giving import GivenLauncher, GivenWorker
from kept_archives import about, keep
from managers import ids, open_manager

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.archives import kept_archives
from interpreterd.contexts.state.loading import check_python
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.model.archives import LoadInfo, Skipped
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.python import Python
from interpreterd.model.requests import CreateContext
from interpreterd.model.state_errors import ArchiveNotFound, ArchiveRefused, NoStateDirectory
from interpreterd.pipe.archiving import Load, Loaded, LoadFailed

PYTHON = Python(executable="/usr/bin/python3", version="3.11.2")


@pytest.mark.parametrize(
    ("version", "implementation"), [("3.12.1", "cpython"), ("3.1.1", "cpython"), ("3.11.2", "pypy")]
)
def test_an_archive_of_another_python_is_refused(version: str, implementation: str) -> None:
    check_python(about("a", python="3.11.9", implementation="cpython"), PYTHON)
    with pytest.raises(
        ArchiveRefused, match=rf"^the archive a was made by (CPython|pypy) {version}, and .* CPython 3.11.2"
    ):
        check_python(about("a", python=version, implementation=implementation), PYTHON)


class Loaders:
    """A manager with archives, over workers that are given descriptors."""

    def __init__(self, manager: Manager, launcher: GivenLauncher) -> None:
        self.manager = manager
        self.launcher = launcher
        self.contexts = LocalContexts(manager)

    async def create(self, archive: str, answer: Loaded | LoadFailed | None) -> ContextInfo:
        """Make a context from ``archive``; its worker says ``answer``, or dies."""
        worker = self.launcher.stock_up()
        task = asyncio.create_task(self.contexts.create(CreateContext(archive=archive)))
        playing = asyncio.create_task(self._play(worker, answer))
        try:
            return await task
        finally:
            playing.cancel()

    async def _play(self, worker: GivenWorker, answer: Loaded | LoadFailed | None) -> None:
        request = await worker.asked_to(Load)
        assert isinstance(request, Load)
        fd = await worker.gift()
        self.content = os.pread(fd, request.size_bytes, request.offset)
        os.close(fd)
        if answer is None:
            worker.exit("killed by SIGKILL")
        else:
            worker.say(answer)


@pytest.fixture
async def loaders(tmp_path: Path):  # type: ignore[no-untyped-def]
    launcher = GivenLauncher()
    settings = StateSettings(state_dir=str(tmp_path / "state"))
    async with (
        open_manager(launcher, tmp_path) as manager,
        kept_archives(settings, manager.tenancies) as manager.archives,
    ):
        await asyncio.to_thread(
            keep,
            manager.archives.backend,
            "a",
            b"content",
            name="n",
            python="3.11.1",
            implementation="cpython",
            skipped=NOT_SAVED,
        )
        yield Loaders(manager, launcher)


NOT_SAVED = (Skipped("g", "a generator"),)
LOADED = Loaded(restored=("x",), skipped=(Skipped("df", "No module named 'pandas'"),))


@pytest.mark.parametrize("archive", ["a", "n"])
async def test_a_context_is_made_from_an_archive(loaders: Loaders, archive: str) -> None:
    info = await loaders.create(archive, LOADED)
    assert loaders.content == b"content"
    assert info.loaded == LoadInfo(archive_id="a", saved=("x",), skipped=(*NOT_SAVED, *LOADED.skipped))
    context = loaders.manager.existing(info.id)
    assert context.slot.prepare is None  # its next worker begins as others do


async def test_what_cannot_be_loaded_leaves_no_context(loaders: Loaders) -> None:
    with pytest.raises(ArchiveRefused, match=r"^the archive a cannot be loaded: it ends too early$"):
        await loaders.create("a", LoadFailed(reason="it ends too early"))
    assert ids(loaders.manager) == []


async def test_a_worker_that_dies_of_an_archive_leaves_no_context(loaders: Loaders) -> None:
    with pytest.raises(Exception, match=r"the context's worker has ended: killed by SIGKILL$"):
        await loaders.create("a", None)
    assert ids(loaders.manager) == []


async def test_a_worker_that_cannot_start_is_as_ever(loaders: Loaders) -> None:
    loaders.launcher.failure = WorkerStartFailed("python3 not found")
    with pytest.raises(WorkerStartFailed, match="python3 not found"):
        await loaders.create("a", LOADED)


async def test_an_unknown_archive_starts_no_worker(loaders: Loaders) -> None:
    with pytest.raises(ArchiveNotFound, match=r"^archive not found: b$"):
        await loaders.contexts.create(CreateContext(archive="b"))
    assert not loaders.launcher.asked.is_set()


async def test_a_corrupt_archive_is_told_and_no_context_left(loaders: Loaders, tmp_path: Path) -> None:
    path = tmp_path / "state" / "archives" / "a"
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveRefused, match=r"^the archive a is corrupt: "):
        await loaders.create("a", LOADED)
    path.write_bytes(data[:-1])
    with pytest.raises(ArchiveRefused, match=r"^the archive a is corrupt: its end is missing$"):
        await loaders.create("a", LOADED)
    assert ids(loaders.manager) == []


async def test_nothing_is_loaded_without_a_state_directory(tmp_path: Path) -> None:
    async with open_manager(GivenLauncher(), tmp_path) as manager:
        with pytest.raises(NoStateDirectory, match="--state-dir"):
            await LocalContexts(manager).create(CreateContext(archive="a"))
