"""The account of a context's disk space: made-up sizes, and what is told about them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Configure
from interpreterd.processes.trees import Walk
from interpreterd.workers import disk as module
from interpreterd.workers.directories import Directories
from interpreterd.workers.disk import Disk, DiskWalker

KIB, MIB = 1 << 10, 1 << 20
LIMITED = Configure(cwd="/", file_bytes=10 * MIB)
EXCEEDED = "disk limit of 10 MiB exceeded"


@attrs.define
class Account:
    """A disk whose directory has made-up sizes."""

    disk: Disk
    directory: Path
    directories: Directories
    patch: pytest.MonkeyPatch

    async def begin(self) -> Configure:
        """Begin, as for a new worker."""
        return await self.disk.begin(LIMITED)

    def judge(self, total_bytes: int, written: int | None = None, **sizes: int) -> str | None:
        """Return the judgement of a walk that counts ``total_bytes``."""
        walk = Walk(str(self.directory))
        self._take(attrs.evolve(walk.size, size_bytes=total_bytes, **sizes), written)
        return self.disk.judge({str(self.directory): walk})

    def _take(self, size: object, written: int | None) -> None:
        self.patch.setattr(Walk, "size", size)
        self.patch.setattr(module, "written_bytes", lambda pids: written)

    def is_due(self, free_bytes: int, later_s: float = 0) -> bool:
        """Return whether it is, with so much room on the file system."""
        return self.disk.is_due(lambda directory, device: free_bytes, self.disk.walked_at + later_s)


@pytest.fixture
async def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Return one with a limit of 10 MiB, at its beginning, as if its directory had 5 GiB."""
    monkeypatch.setattr(module, "_free_bytes", lambda directory: 100 * MIB)
    directories = Directories()
    directories.add([str(tmp_path)])
    made = Account(Disk(10 * MIB, (str(tmp_path),), directories), tmp_path, directories, monkeypatch)
    made._take(attrs.evolve(Walk(str(tmp_path)).size, size_bytes=5 << 30), None)
    assert await made.begin() == LIMITED
    return made


BASE = 5 << 30


async def test_what_was_there_does_not_count_and_what_is_deleted_makes_room(account: Account) -> None:
    assert account.judge(BASE + 10 * MIB) is None
    assert account.judge(BASE + 11 * MIB) == EXCEEDED
    assert account.judge(BASE - 100 * MIB) is None
    assert account.judge(BASE + 9 * MIB) is None


async def test_beyond_its_limit_a_context_may_go_on_but_not_grow(account: Account) -> None:
    assert account.judge(BASE + 20 * MIB) == EXCEEDED
    assert await account.begin() == attrs.evolve(LIMITED, writes=False)
    assert account.judge(BASE + 20 * MIB + 60 * KIB) is None, "a little more is no attempt"
    assert account.judge(BASE + 21 * MIB) == EXCEEDED
    assert await account.begin() == attrs.evolve(LIMITED, writes=False, file_bytes=0), "it has got around the limit"
    assert account.judge(BASE) is None
    assert await account.begin() == LIMITED


async def test_in_a_shared_directory_only_its_own_writing_counts(account: Account) -> None:
    account.directories.add([str(account.directory)])
    assert account.judge(BASE + 500 * MIB, written=8 * MIB) is None
    assert account.judge(BASE + 900 * MIB, written=9 * MIB) is None
    assert account.judge(BASE + 200 * MIB, written=9 * MIB) is None
    assert account.disk.used_bytes == 0, "others may have deleted its files"
    assert account.judge(BASE + 211 * MIB, written=30 * MIB) == EXCEEDED


async def test_what_is_not_known_counts_in_full(account: Account) -> None:
    account.directories.add([str(account.directory)])
    assert account.judge(BASE + 11 * MIB, written=None) == EXCEEDED


async def test_what_others_write_while_it_has_no_worker_does_not_count(account: Account) -> None:
    account.directories.add([str(account.directory)])
    account._take(attrs.evolve(Walk(str(account.directory)).size, size_bytes=BASE + 4 * MIB), None)
    await account.disk.settle()
    assert account.disk.used_bytes == 4 * MIB, "the worker may have written this at its end"
    account._take(attrs.evolve(Walk(str(account.directory)).size, size_bytes=BASE + 50 * MIB), None)
    assert await account.begin() == LIMITED
    assert account.disk.used_bytes == 4 * MIB


async def test_what_hides_files_is_an_excess(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    told = account.judge(BASE, unseen=1)
    assert told == f"its disk limit cannot be checked: a directory in {account.directory} cannot be looked into"
    monkeypatch.setattr(module, "TREE_ENTRIES_LIMIT", 5)
    told = account.judge(BASE, entries=5)
    assert told == f"its disk limit cannot be checked: there are more than 262144 files in {account.directory}"
    account.directories.add([str(account.directory)])
    assert account.judge(BASE, entries=5, unseen=1) is None, "another context may have made them"


async def test_a_walk_is_due_when_the_file_system_has_lost_room_or_after_a_while(account: Account) -> None:
    assert not account.is_due(99 * MIB)
    assert account.is_due(98 * MIB), "an eighth of its own room"
    assert not account.is_due(200 * MIB)
    assert account.is_due(100 * MIB, later_s=30)
    account.judge(BASE + 20 * MIB)
    assert not account.is_due(100 * MIB)
    assert account.is_due(100 * MIB - 64 * KIB)
    await account.begin()
    assert account.is_due(100 * MIB, later_s=1), "it may have deleted files"


@pytest.mark.parametrize("what", ["gone", "too many files", "no answer"])
async def test_a_directory_that_cannot_be_counted_gets_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = tmp_path
    if what == "gone":
        path = tmp_path / "gone"
        reason = "^the files of the context cannot be counted: No such file or directory$"
    elif what == "too many files":
        (tmp_path / "file").touch()
        monkeypatch.setattr(module, "TREE_ENTRIES_LIMIT", 1)
        reason = "^a limit of its disk space cannot be had: there are more than 262144 files in "
    else:
        monkeypatch.setattr(module, "STUCK_S", 0)
        reason = "^the files of the context could not be counted within 0 s$"
    with pytest.raises(WorkerStartFailed, match=reason):
        await Disk(MIB, (str(path),), Directories()).begin(LIMITED)


async def test_a_directory_that_is_gone_is_no_excess_and_delays_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WALK_EVERY_S", 0)
    told: asyncio.Queue[str] = asyncio.Queue()
    tell: Callable[[str], None] = told.put_nowait
    disks = {}
    for name in ("gone", "full"):
        (tmp_path / name).mkdir()
        disk = Disk(MIB, (str(tmp_path / name),), Directories())
        await disk.begin(LIMITED)
        disks[disk] = tell
    (tmp_path / "gone").rmdir()
    (tmp_path / "full" / "file").write_bytes(bytes(2 * MIB))
    async with asyncio.TaskGroup() as tasks:
        walker = DiskWalker(tasks)
        await walker.check(disks)
        assert await told.get() == "disk limit of 1 MiB exceeded"
    assert told.empty()
