"""Cgroups for tests: a made-up tree of files, and real ones where this machine lets the tests make some."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from attrs import define

from interpreterd.processes import cgroups

FILES = {
    "cgroup.procs": "",
    "cgroup.subtree_control": "",
    "cgroup.type": "domain",
    "cgroup.kill": "",
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.oom.group": "0",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n",
    "pids.max": "max",
    "cpu.weight": "100",
}


def real_base() -> str | None:
    """Return a cgroup (v2) of this machine in which a test may make its own; None if there is none."""
    with open("/proc/self/mountinfo") as mounts, open("/proc/self/cgroup") as memberships:
        path = cgroups.own_path(mounts.read(), memberships.read())
    return path if path is not None and os.access(path, os.W_OK) and os.geteuid() == 0 else None


@define
class FakeTree:
    """A directory that looks like a cgroup, as long as nothing moves: writing to a file only replaces its text."""

    base: Path
    controllers: str

    def text(self, *names: str) -> str:
        """Return the text of a file below the base."""
        return self.base.joinpath(*names).read_text()

    def put(self, text: str, *names: str) -> None:
        """Write a file below the base."""
        self.base.joinpath(*names).write_text(text)

    def folders(self) -> list[str]:
        """Return the names of all cgroups below the base."""
        return sorted(str(it.relative_to(self.base)) for it in self.base.rglob("*") if it.is_dir())

    def fill(self, path: Path) -> None:
        """Put the files there that the kernel makes."""
        for name, text in FILES.items():
            (path / name).write_text(text)
        (path / "cgroup.controllers").write_text(self.controllers)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the kernel's part be done when directories are made and removed."""

        def make(path: str) -> None:
            os.mkdir(path)
            self.fill(Path(path))

        def remove(path: str) -> None:
            if any(stat.S_ISDIR(os.stat(f"{path}/{name}").st_mode) or name == "busy" for name in os.listdir(path)):
                raise OSError("busy")
            shutil.rmtree(path)

        monkeypatch.setattr(cgroups, "make_directory", make)
        monkeypatch.setattr(cgroups, "remove_directory", remove)


def fake_tree(base: Path, monkeypatch: pytest.MonkeyPatch, controllers: str = "cpuset cpu io memory pids") -> FakeTree:
    """Return a tree at ``base``, which is made."""
    base.mkdir()
    tree = FakeTree(base, controllers)
    tree.fill(base)
    tree.install(monkeypatch)
    return tree
