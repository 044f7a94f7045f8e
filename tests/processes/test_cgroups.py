"""A cgroup for each worker: in a made-up tree of files, and for real where this machine has one."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroup_tree import FakeTree, fake_tree, real_base

from interpreterd.processes import cgroups as module
from interpreterd.processes.cgroups import CgroupError, Cgroups, find, is_delegated, own_path

OWN = os.getpid()
V1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
V2 = "41 31 0:38 {} {} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
PLACES = {
    "a session": (V2.format("/", "/sys/fs/cgroup"), "0::/user.slice/a.scope\n", "/sys/fs/cgroup/user.slice/a.scope"),
    "a container": (V2.format("/", "/sys/fs/cgroup"), "0::/\n", "/sys/fs/cgroup"),
    "beside v1": (V1 + V2.format("/", "/sys/fs/cgroup/unified"), "1:cpu:/a\n0::/b\n", "/sys/fs/cgroup/unified/b"),
    "mounted in part": (V2.format("/docker/1", "/sys/fs/cgroup"), "0::/docker/1/a\n", "/sys/fs/cgroup/a"),
    "mounted elsewhere": (V2.format("/docker/2", "/sys/fs/cgroup"), "0::/docker/1\n", None),
    "a name with a space": (V2.format("/", "/my\\040mount"), "0::/a\n", "/my mount/a"),
    "outside of the namespace": (V2.format("/", "/sys/fs/cgroup"), "0::/../a\n", None),
    "v1 only": (V1, "1:cpu:/\n", None),
    "not mounted": ("", "0::/\n", None),
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTree:
    """Return a tree with all controllers, and without processes."""
    return fake_tree(tmp_path / "cgroup", monkeypatch)


@pytest.mark.parametrize(("mounts", "memberships", "path"), PLACES.values(), ids=PLACES)
def test_the_own_cgroup_is_found(mounts: str, memberships: str, path: str | None) -> None:
    assert own_path(mounts, memberships) == path


def test_a_worker_gets_its_limits_and_then_its_processes(tree: FakeTree) -> None:
    cgroups = Cgroups(str(tree.base), (OWN,))
    cgroup = cgroups.enter(4242, memory_bytes=1 << 30, processes=34)
    its = Path(cgroup.path).relative_to(tree.base).parts
    assert its == (f"interpreterd-{OWN}", "4242")
    names = ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.weight", "cgroup.procs")
    assert [tree.text(*its, name) for name in names] == [
        str(1 << 30),
        "0",
        "1",
        "34",
        "100",
        "4242",
    ]
    unlimited = cgroups.enter(4243, memory_bytes=None, processes=None)
    assert Path(unlimited.path, "memory.max").read_text() == "max"
    assert not tree.base.joinpath(f"interpreterd-{OWN}-daemon").exists(), "it was not in there"
    cgroups.close()
    assert tree.folders() == []


def test_the_daemon_moves_out_of_the_way_and_has_more_of_the_processor(tree: FakeTree) -> None:
    (tree.base / "cgroup.procs").write_text(f"{OWN}\n{OWN + 1}\n")
    cgroups = Cgroups(str(tree.base), (OWN, OWN + 1, 1))
    daemon = f"interpreterd-{OWN}-daemon"
    assert tree.text(daemon, "cgroup.procs") in (str(OWN), str(OWN + 1))
    assert int(tree.text(daemon, "cpu.weight")) == 300
    assert tree.text(f"interpreterd-{OWN}", "cpu.weight") == "100"
    assert cgroups.controllers == {"cpu", "memory", "pids"}


@pytest.mark.parametrize("pid", ["1", "0"])
def test_other_processes_in_the_cgroup_stay_where_they_are(tree: FakeTree, pid: str) -> None:
    (tree.base / "cgroup.procs").write_text(f"{OWN}\n{pid}\n")
    with pytest.raises(CgroupError, match=f"^other processes than the daemon are in {tree.base}$"):
        Cgroups(str(tree.base), (OWN,))
    assert tree.folders() == []


def test_only_controllers_that_are_there_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = fake_tree(tmp_path / "cgroup", monkeypatch, "cpuset memory")
    cgroups = Cgroups(str(tree.base), (OWN,))
    assert cgroups.controllers == {"memory"}
    cgroup = cgroups.enter(4242, memory_bytes=1 << 30, processes=5)
    assert Path(cgroup.path, "pids.max").read_text() == "max"


def test_a_worker_that_cannot_be_moved_leaves_no_cgroup(tree: FakeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroups, write = Cgroups(str(tree.base), (OWN,)), module._write

    def refuse(path: str, value: object) -> None:
        if path.endswith("procs"):
            raise ProcessLookupError
        write(path, value)

    monkeypatch.setattr(module, "_write", refuse)
    with pytest.raises(ProcessLookupError):
        cgroups.enter(4242, memory_bytes=None, processes=None)
    assert list(Path(cgroups.name).glob("4242")) == []


def test_what_a_killed_daemon_has_left_is_removed_and_nothing_else(tree: FakeTree) -> None:
    gone, busy = f"interpreterd-{2**22 + 1}", f"interpreterd-{2**22 + 2}"
    for name in (gone, f"{gone}/17", f"{gone}-daemon", busy, f"{busy}/18", "interpreterd-1", "others", "others/19"):
        module.make_directory(str(tree.base / name))
    (tree.base / busy / "18" / "busy").touch()
    Cgroups(str(tree.base), (OWN,)).close()
    assert set(tree.folders()) == {busy, f"{busy}/18", "interpreterd-1", "others", "others/19"}


def test_memory_that_ran_out_is_told(tree: FakeTree) -> None:
    cgroup = Cgroups(str(tree.base), (OWN,)).enter(4242, memory_bytes=1 << 30, processes=None)
    assert not cgroup.was_out_of_memory()
    Path(cgroup.path, "memory.events").write_text("low 0\noom 2\noom_kill 3\noom_group_kill 1\n")
    assert cgroup.was_out_of_memory()
    Path(cgroup.path, "memory.events").write_text("")
    assert not cgroup.was_out_of_memory()
    Path(cgroup.path, "memory.events").unlink()
    assert not cgroup.was_out_of_memory()


def test_nothing_is_used_that_is_not_asked_for_or_not_delegated(
    tree: FakeTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find("off", (OWN,)) is None
    with pytest.raises(CgroupError, match=r"cannot be used: No such file or directory$"):
        find(str(tmp_path / "none"), (OWN,))
    monkeypatch.setattr(module, "own_path", lambda mounts, memberships: str(tree.base))
    monkeypatch.setattr(module, "is_delegated", lambda path: False)
    assert find("auto", (OWN,)) is None
    monkeypatch.setattr(module, "is_delegated", lambda path: True)
    (tree.base / "cgroup.procs").write_text("1\n")
    assert find("auto", (OWN,)) is None, "other processes are there"
    (tree.base / "cgroup.procs").write_text("")
    (tree.base / "cgroup.controllers").write_text("cpuset")
    assert find("auto", (OWN,)) is None, "no controller is of use"
    assert tree.folders() == []
    (tree.base / "cgroup.controllers").write_text("memory")
    assert find("auto", (OWN,)) is not None
    (tree.base / f"interpreterd-{OWN}").rename(tree.base / "interpreterd-1-daemon")
    monkeypatch.setattr(module, "own_path", lambda mounts, memberships: str(tree.base / "interpreterd-1-daemon"))
    found = find("auto", (OWN,))
    assert found is not None
    assert found.name == str(tree.base / f"interpreterd-{OWN}"), "beside the daemon that has started this one"


@pytest.mark.parametrize(
    ("user", "mark", "delegated"), [(0, b"1", True), (0, b"0", False), (0, None, False), (1000, None, True)]
)
def test_a_superuser_uses_only_what_is_marked(
    tree: FakeTree, monkeypatch: pytest.MonkeyPatch, user: int, mark: bytes | None, delegated: bool
) -> None:
    def attribute(path: str, name: str) -> bytes:
        if mark is None or name != "user.delegate":
            raise OSError
        return mark

    monkeypatch.setattr(module.os, "geteuid", lambda: user)
    monkeypatch.setattr(module.os, "getxattr", attribute)
    (tree.base / "cgroup.type").unlink()
    assert is_delegated(str(tree.base)) is delegated


def test_the_cgroup_of_a_container_is_its_own(tree: FakeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    is_root = "0::/\n" in Path("/proc/self/cgroup").read_text()
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    assert is_delegated(str(tree.base)) is is_root


# For real


@pytest.fixture
def real() -> Iterator[str]:
    """Yield a new cgroup of this machine, and remove it."""
    base = real_base()
    if base is None:
        pytest.skip("no cgroup (v2) in which this user may make others")
    path = f"{base}/interpreterd-test-{uuid.uuid4()}"
    os.mkdir(path)
    yield path
    os.rmdir(path)


def test_a_real_process_is_moved_and_killed_with_its_children(real: str) -> None:
    cgroups = Cgroups(real, (OWN,))
    process = subprocess.Popen(["sh", "-c", "read x; sleep 1000 & sleep 1000"], stdin=subprocess.PIPE)
    cgroup = cgroups.enter(process.pid, memory_bytes=1 << 30, processes=5)
    assert Path(f"/proc/{process.pid}/cgroup").read_text().rstrip().endswith(f"interpreterd-{OWN}/{process.pid}")
    assert not cgroup.was_out_of_memory()
    assert not cgroup.remove(), "a process is there"
    cgroup.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    while not cgroup.remove():  # its children may still be ending
        pass
    assert cgroup.remove()
    cgroups.close()


def test_each_process_that_ran_out_of_memory_is_told_once(tree: FakeTree) -> None:
    cgroup = Cgroups(str(tree.base), (OWN,)).enter(4242, memory_bytes=1 << 30, processes=None)
    Path(cgroup.path, "memory.events").write_text("oom_kill 1\n")
    assert [cgroup.was_out_of_memory(), cgroup.was_out_of_memory()] == [True, False]
    Path(cgroup.path, "memory.events").write_text("oom_kill 2\n")
    assert cgroup.was_out_of_memory()


def test_a_further_process_joins_and_then_each_dies_for_itself(tree: FakeTree) -> None:
    cgroup = Cgroups(str(tree.base), (OWN,)).enter(4242, memory_bytes=1 << 30, processes=None)
    cgroup.join(4243)
    assert Path(cgroup.path, "cgroup.procs").read_text() == "4243"
    for together in (False, True):
        cgroup.end_together(together)
        assert Path(cgroup.path, "memory.oom.group").read_text() == str(int(together))
    Path(cgroup.path, "memory.oom.group").unlink()
    cgroup.end_together(True)
