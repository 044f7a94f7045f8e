"""Private directories: each context's own, gone with it, and gone with a daemon that was killed."""

import os
import tempfile
from pathlib import Path

import pytest

from interpreterd.workers.isolation.directories import ROOT_PREFIX, PrivateRoot, remove_tree


def test_each_context_has_its_own(tmp_path: Path) -> None:
    directories = PrivateRoot(str(tmp_path))
    assert not list(tmp_path.iterdir())
    first, second = directories.make(), directories.make()
    assert first.home != second.home
    for path in (first.root, first.home, first.temporary):
        assert os.stat(path).st_mode & 0o777 == 0o700
    directories.remove(first)
    assert not Path(first.root).exists()
    assert Path(second.home).is_dir()
    directories.close()
    assert not list(tmp_path.iterdir())


def test_a_unix_socket_fits_into_a_temporary_directory() -> None:
    directories = PrivateRoot("/tmp")
    assert len(directories.make().temporary + "/pymp-abcdefgh/listener-abcdefgh") < 90
    directories.close()


def test_what_code_has_made_inaccessible_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/file").write_text("x")
    (tree / "link").symlink_to("/")
    os.chmod(tree / "a", 0)
    remove_tree(str(tree))
    assert not tree.exists()


def test_a_killed_daemons_directory_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead, living = PrivateRoot(str(tmp_path)), PrivateRoot(str(tmp_path))
    left, used = dead.make(), living.make()
    assert dead._lock_fd is not None
    os.close(dead._lock_fd)  # as the end of the process does
    other = tmp_path / f"{ROOT_PREFIX}other"
    other.mkdir()
    PrivateRoot(str(tmp_path)).remove_stale()
    assert not Path(left.root).parent.exists()
    assert Path(used.home).is_dir()
    assert other.is_dir()  # without a lock: not a daemon's
    living.close()


def test_a_machine_without_room_for_files_matters_only_when_there_are_directories_to_make(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    monkeypatch.setenv("TMPDIR", "/nowhere")
    private = PrivateRoot()
    private.remove_stale()
    with pytest.raises(OSError, match="/nowhere"):
        private.make()
    private.close()
