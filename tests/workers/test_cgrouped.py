"""Workers in cgroups: limits, failures and ends."""

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroup_tree import FakeTree, fake_tree
from fake_worker import FakeWorker

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.limits import NONE, Limits
from interpreterd.processes import cgroups as module
from interpreterd.processes.cgroups import CgroupError, Cgroups
from interpreterd.processes.guard import Guard
from interpreterd.workers import cgrouped
from interpreterd.workers.cgrouped import cgroups_for, entered, removed, with_memory_told

LIMITED = Limits(memory_bytes=512 << 20, processes=4)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTree:
    """Return a made-up tree."""
    return fake_tree(tmp_path / "cgroup", monkeypatch)


async def made(tree: FakeTree) -> Cgroups:
    return await asyncio.to_thread(Cgroups, str(tree.base), ())


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Yield a guard without a process that listens to it."""
    reader, writer = os.pipe()
    yield Guard(pid=1, pipe=writer)
    os.close(reader)
    os.close(writer)


async def test_a_worker_s_own_threads_are_free(tree: FakeTree) -> None:
    cgroup = await entered(await made(tree), FakeWorker(42, answer=None), LIMITED)
    folder = cgroup.path.removeprefix(f"{tree.base}/")
    assert tree.text(folder, "pids.max") == "6"
    assert tree.text(folder, "memory.max") == str(512 << 20)
    assert tree.text(folder, "cgroup.procs") == "42"


async def test_a_worker_that_cannot_be_moved_is_killed(tree: FakeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroups, worker = await made(tree), FakeWorker(42, answer=None)

    def refuse(path: str, value: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module, "_write", refuse)
    with pytest.raises(WorkerStartFailed, match=r"^the worker cannot be moved to a cgroup: Operation not permitted$"):
        await entered(cgroups, worker, LIMITED)
    assert worker.killed.is_set()


@pytest.mark.parametrize(
    ("how", "limits", "kills", "told"),
    [
        ("killed by SIGKILL", LIMITED, 1, "memory limit of 512 MiB exceeded"),
        (
            "killed by SIGKILL; the end of its output is lost",
            LIMITED,
            1,
            "memory limit of 512 MiB exceeded; the end of its output is lost",
        ),
        ("killed by SIGKILL", LIMITED, 0, "killed by SIGKILL"),
        ("killed by SIGKILL", NONE, 1, "killed by SIGKILL"),
        ("killed by SIGSEGV", LIMITED, 1, "killed by SIGSEGV"),
    ],
)
def test_the_kernel_s_kill_is_told_as_the_memory_limit(
    tree: FakeTree, how: str, limits: Limits, kills: int, told: str
) -> None:
    cgroup = Cgroups(str(tree.base), ()).enter(1, memory_bytes=None, processes=None)
    Path(cgroup.path, "memory.events").write_text(f"oom_kill {kills}\n")
    assert with_memory_told(how, cgroup, limits) == told


async def test_a_cgroup_with_processes_is_killed_and_removed_when_they_are_gone(
    tree: FakeTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(cgrouped, "CGROUP_EVERY_S", 0.01)
    cgroup = await entered(await made(tree), FakeWorker(42, answer=None), NONE)
    folder = cgroup.path.removeprefix(f"{tree.base}/")
    tree.put("", folder, "busy")
    kill = cgroup.kill

    def kill_and_reap() -> None:
        kill()
        assert tree.text(folder, "cgroup.kill") == "1"
        (tree.base / folder / "busy").unlink()

    monkeypatch.setattr(cgroup, "kill", kill_and_reap)
    await removed(cgroup)
    assert folder not in tree.folders()
    assert caplog.text == ""


async def test_a_process_that_cannot_be_killed_is_logged(
    tree: FakeTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cgrouped, "CGROUP_EVERY_S", 0.5)
    monkeypatch.setattr(cgrouped, "CGROUP_LIMIT_S", 0)
    cgroup = await entered(await made(tree), FakeWorker(42, answer=None), NONE)
    tree.put("", cgroup.path.removeprefix(f"{tree.base}/"), "busy")
    await removed(cgroup)
    assert f"the cgroup {cgroup.path} cannot be removed" in caplog.text


def test_missing_controllers_are_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, guard: Guard
) -> None:
    tree = fake_tree(tmp_path / "cgroup", monkeypatch, "memory")
    with cgroups_for(str(tree.base), guard) as cgroups:
        assert cgroups is not None
    assert "cgroups of contexts have no controller cpu, pids: they do not limit that" in caplog.text
    assert not os.path.exists(cgroups.name)


def test_a_cgroup_that_cannot_be_used_is_an_error(tmp_path: Path, guard: Guard) -> None:
    with pytest.raises(CgroupError), cgroups_for(str(tmp_path / "gone"), guard):
        pass


async def test_a_worker_joins_the_cgroup_of_its_context_where_parked_copies_are(tree: FakeTree) -> None:
    cgroups = await made(tree)
    first = await entered(cgroups, FakeWorker(42, answer=None), LIMITED)
    assert await entered(cgroups, FakeWorker(43, answer=None), LIMITED, first) is first
    assert tree.text(first.path.removeprefix(f"{tree.base}/"), "cgroup.procs") == "43"
    assert len(tree.folders()) == 2
