"""Where forks get their directories, and that failures leave none."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from interpreterd.contexts.state import own_directories as tested
from interpreterd.contexts.state.own_directories import CopiedDirectories, own_directories
from interpreterd.files import copying
from interpreterd.files.copying import CopyBudget
from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.model.file_errors import DirectoryTooLarge, FileError
from interpreterd.workers.directories import Directories
from interpreterd.workers.isolation.apart import ApartDirectory, kept_apart
from interpreterd.workers.isolation.jails import Place

IDS = ("11111111-1", "22222222-2")


class Originals:
    """A context's directory ``work``, with a file, and what a fork of it would be told."""

    def __init__(self, parent: Path) -> None:
        self.directory = parent / "work"
        self.directory.mkdir()
        (self.directory / "file").write_text("abc")
        self.place = Place(None)  # type: ignore[arg-type]
        self.known = Directories()
        self.within: str | None = None

    async def copies(self, *, fails: bool = False) -> CopiedDirectories:
        directory = str(self.directory)
        async with own_directories(directory, IDS, place=self.place, within=self.within, known=self.known) as copied:
            assert self.known.is_shared(os.path.dirname(copied.paths[0]))
            if fails:
                raise RuntimeError("no fork")
        return copied


@pytest.fixture
def originals(tmp_path: Path) -> Originals:
    return Originals(tmp_path.resolve())


async def test_each_fork_has_a_copy_beside_the_original(originals: Originals) -> None:
    copied = await originals.copies()
    beside = originals.directory.parent
    assert copied.paths == (f"{beside}/work.fork-11111111", f"{beside}/work.fork-22222222")
    assert [os.listdir(path) for path in copied.paths] == [["file"], ["file"]]
    assert originals.known.is_shared(str(beside)), "the forks' contexts may not have started yet"


async def test_the_state_directory_is_part_of_no_copy(originals: Originals) -> None:
    state = originals.directory / "below" / "state"
    state.mkdir(parents=True)
    (state / "key").write_text("secret")
    with kept_apart(await asyncio.to_thread(ApartDirectory.at, str(state))):
        copied = await originals.copies()
    for path in copied.paths:
        assert sorted(os.listdir(path)) == ["below", "file"]
        assert os.listdir(f"{path}/below") == []


async def test_a_failure_after_the_copies_leaves_none(originals: Originals) -> None:
    with pytest.raises(RuntimeError):
        await originals.copies(fails=True)
    assert not originals.known.is_shared(str(originals.directory.parent))
    assert os.listdir(originals.directory.parent) == ["work"]


async def test_copies_beyond_the_bound_leave_nothing(originals: Originals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "CopyBudget", lambda: CopyBudget(files=1))
    with pytest.raises(DirectoryTooLarge):
        await originals.copies()
    assert os.listdir(originals.directory.parent) == ["work"]


async def test_copies_that_take_too_long_leave_nothing(originals: Originals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "COPY_LIMIT_S", 0.0)
    with pytest.raises(FileError, match="within 0 s"):
        await originals.copies()
    assert os.listdir(originals.directory.parent) == ["work"]


async def test_a_caller_that_goes_away_leaves_nothing(originals: Originals, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = asyncio.Event()
    take = CopyBudget.take
    loop = asyncio.get_running_loop()

    def taken(budget: CopyBudget, **more: int) -> None:
        loop.call_soon_threadsafe(entered.set)
        take(budget, **more)

    monkeypatch.setattr(copying.CopyBudget, "take", taken)
    asked = asyncio.create_task(originals.copies())
    await entered.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert os.listdir(originals.directory.parent) == ["work"]


async def test_copies_of_an_isolated_context_are_with_its_private_directories(
    originals: Originals, tmp_path: Path
) -> None:
    originals.place.for_copies = str(tmp_path / "forks")
    os.mkdir(originals.place.for_copies)
    copied = await originals.copies()
    assert {os.path.dirname(path) for path in copied.paths} == {str(tmp_path / "forks")}


async def test_copies_of_a_tenants_context_stay_within_its_directory(originals: Originals) -> None:
    originals.within = str(originals.directory)
    for _ in range(2):
        copied = await originals.copies()
        for path in copied.paths:
            assert path.startswith(f"{originals.directory}/.interpreterd-forks-")
            assert os.listdir(path) == ["file"], "the copies of others are no part of it"
            shutil.rmtree(path)


async def test_where_nothing_can_be_made_beside_the_original_it_is_made_elsewhere(
    originals: Originals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    copied = await originals.copies()
    assert copied.paths[0] == f"{tmp_path}/.interpreterd-forks-{os.geteuid()}/work.fork-11111111"


async def test_what_others_have_put_there_is_not_used(
    originals: Originals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.symlink("work", tmp_path / f".interpreterd-forks-{os.geteuid()}")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(InvalidWorkingDirectory, match="is not this daemon's"):
        await originals.copies()


async def test_the_root_is_not_copied(originals: Originals) -> None:
    originals.directory = Path("/")
    with pytest.raises(InvalidWorkingDirectory, match="it is /"):
        await originals.copies()
