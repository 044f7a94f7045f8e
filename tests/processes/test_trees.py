"""The size of the files below a directory."""

import os
import subprocess
from pathlib import Path

import pytest

from interpreterd.processes import trees
from interpreterd.processes.trees import Walk, measure

MIB = 1 << 20


def grown(path: Path, empty_bytes: int) -> int:
    return measure(str(path)).size_bytes - empty_bytes


def test_it_is_what_du_counts(tmp_path: Path) -> None:
    for folder in ("a", "a/b", "a/b/c", "d"):
        (tmp_path / folder).mkdir()
        for number in range(5):
            (tmp_path / folder / f"{number}").write_bytes(bytes(10_000 * number))
    du = subprocess.run(["du", "-sx", "--block-size=1", str(tmp_path)], capture_output=True, text=True, check=True)
    assert measure(str(tmp_path)).size_bytes == int(du.stdout.split()[0])


def test_a_file_with_several_names_counts_once_and_a_sparse_one_what_it_has(tmp_path: Path) -> None:
    empty_bytes = measure(str(tmp_path)).size_bytes
    (tmp_path / "file").write_bytes(bytes(MIB))
    for number in range(3):
        os.link(tmp_path / "file", tmp_path / f"link{number}")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert MIB <= grown(tmp_path, empty_bytes) < MIB + (64 << 10)
    assert measure(str(tmp_path)).entries == 5


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_bytes(bytes(MIB))
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "in" / "file").symlink_to(tmp_path / "out" / "file")
    assert measure(str(tmp_path / "in")).size_bytes < MIB


def test_other_file_systems_do_not_count() -> None:
    """/dev has /dev/shm and others below it, on every machine."""
    below = measure("/dev")
    assert below.device == os.stat("/dev").st_dev != os.stat("/dev/shm").st_dev


def test_a_walk_in_slices_counts_the_same_and_closes_what_it_has_opened(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"folder{number % 7}").mkdir(exist_ok=True)
        (tmp_path / f"folder{number % 7}" / f"{number}").write_bytes(b"x")
    before = os.listdir("/proc/self/fd")
    walk = Walk(str(tmp_path))
    slices = 1
    while not walk.go_on(1e-9):
        slices += 1
    assert slices > 7
    assert walk.size == measure(str(tmp_path))
    unfinished = Walk(str(tmp_path))
    unfinished.go_on(1e-9)
    unfinished.close()
    unfinished.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_tree_is_never_too_deep_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "TREE_DEPTH_LIMIT", 4)
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(6):
        os.mkdir("deeper", dir_fd=fd)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    size = measure(str(tmp_path))
    assert (size.entries, size.unseen) == (4, 1)
    monkeypatch.setattr(trees, "TREE_ENTRIES_LIMIT", 3)
    assert measure(str(tmp_path)).entries == 3


@pytest.mark.parametrize("name", ["gone", "file"])
def test_what_is_no_directory_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=name):
        measure(str(tmp_path / name))
