"""Forks of contexts: admitted before they are made, all or none of them."""

from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import ids, open_manager

from interpreterd.contexts.state import forking
from interpreterd.contexts.state.forking import fork
from interpreterd.model.errors import InterpreterError, LimitReached
from interpreterd.model.forks import ForkContext, Lost
from interpreterd.model.requests import CreateContext
from interpreterd.model.state_errors import NotCarried, OperationFailed
from interpreterd.workers.branching import Branched
from interpreterd.workers.worker import Worker


class Branches:
    """Stands for ``branch``: copies are fake workers of their own.

    Attributes:
        error: What it raises instead.
    """

    def __init__(self, launcher: FakeLauncher) -> None:
        self._launcher = launcher
        self.error: InterpreterError | None = None
        self.asked: list[dict[str, object]] = []

    async def __call__(self, worker: Worker, **asked: object) -> Branched:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        copies = asked["copies"]
        assert isinstance(copies, int)
        workers = [await self._launcher.launch() for _ in range(copies)]
        return Branched(workers, (Lost("thread", "t"),), ("random",))  # type: ignore[arg-type]


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
def branches(launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch) -> Branches:
    """Return what stands for ``branch``."""
    branches = Branches(launcher)
    monkeypatch.setattr(forking, "branch", branches)
    return branches


async def test_forks_have_the_copies_and_say_whose_forks_they_are(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path
) -> None:
    async with open_manager(launcher, tmp_path) as manager:
        original = await manager.create(CreateContext(metadata={"a": "b"}, envs={"E": "1"}))
        info = await fork(manager, original.id, ForkContext(count=2, strict=True))
        assert [(it.forked_from, it.metadata, it.cwd) for it in info.contexts] == [
            (original.id, {"a": "b"}, original.cwd)
        ] * 2
        assert (info.lost, info.reseeded) == ((Lost("thread", "t"),), ("random",))
        assert branches.asked == [{"purpose": "fork", "copies": 2, "strict": True, "cwds": ()}]
        assert {manager.existing(it.id).pid for it in info.contexts} == {it.pid for it in launcher.workers[1:]}
        assert ids(manager) == [original.id, *(it.id for it in info.contexts)]


async def test_metadata_of_the_request_take_the_place_of_the_originals(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path
) -> None:
    async with open_manager(launcher, tmp_path) as manager:
        original = await manager.create(CreateContext(metadata={"a": "b"}))
        info = await fork(manager, original.id, ForkContext(metadata={}))
        assert info.contexts[0].metadata == {}


@pytest.mark.parametrize("error", [NotCarried([Lost("thread", "t")]), OperationFailed("no")], ids=["strict", "failed"])
async def test_a_failed_branch_leaves_no_context(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path, error: InterpreterError
) -> None:
    branches.error = error
    async with open_manager(launcher, tmp_path, max_contexts=3) as manager:
        original = await manager.create(CreateContext())
        for _ in range(3):
            with pytest.raises(type(error)):
                await fork(manager, original.id, ForkContext(count=2))
            assert ids(manager) == [original.id]


async def test_the_limit_is_checked_before_anything_is_made(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path
) -> None:
    async with open_manager(launcher, tmp_path, max_contexts=3) as manager:
        original = await manager.create(CreateContext())
        with pytest.raises(LimitReached, match="the limit is 3"):
            await fork(manager, original.id, ForkContext(count=3))
        assert (branches.asked, ids(manager)) == ([], [original.id])


async def test_a_quota_that_has_room_for_some_makes_none(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path
) -> None:
    async with open_manager(launcher, tmp_path, max_creations_per_s=3) as manager:
        original = await manager.create(CreateContext())
        with pytest.raises(LimitReached, match="max-creations-per-s"):
            await fork(manager, original.id, ForkContext(count=5))
        assert (branches.asked, ids(manager)) == ([], [original.id])


async def test_a_fork_that_does_not_start_takes_the_others_along(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_manager(launcher, tmp_path) as manager:
        original = await manager.create(CreateContext())

        async def fails(context: object) -> None:
            raise OperationFailed("it does not start")

        monkeypatch.setattr("interpreterd.contexts.context.Context.start", fails)
        with pytest.raises(OperationFailed, match="does not start"):
            await fork(manager, original.id, ForkContext(count=2))
        assert ids(manager) == [original.id]
        assert all(copy.killed.is_set() for copy in launcher.workers[1:])


async def test_counts_go_on_in_a_fork(launcher: FakeLauncher, branches: Branches, tmp_path: Path) -> None:
    async with open_manager(launcher, tmp_path) as manager:
        original = manager.existing((await manager.create(CreateContext())).id)
        original.transcript.go_on_from(7, 3)
        info = await fork(manager, original.id, ForkContext())
        assert manager.existing(info.contexts[0].id).transcript.counts == (7, 3)


async def test_a_fork_is_a_use_of_its_original(launcher: FakeLauncher, branches: Branches, tmp_path: Path) -> None:
    async with open_manager(launcher, tmp_path) as manager:
        original = manager.existing((await manager.create(CreateContext())).id)
        original.transcript.idle_at = 0.0
        await fork(manager, original.id, ForkContext())
        assert original.transcript.idle_at > 0


async def test_a_refused_fork_makes_no_default_context(
    launcher: FakeLauncher, branches: Branches, tmp_path: Path
) -> None:
    async with open_manager(launcher, tmp_path, max_contexts=1) as manager:
        with pytest.raises(LimitReached):
            await fork(manager, "default", ForkContext(count=2))
        assert ids(manager) == []
