"""No name leads out of a directory, whatever links are in it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interpreterd.files.beneath import locate, open_directory, reopen


@contextmanager
def located(directory: Path, path: str, *, follow: bool = True) -> Iterator[int]:
    root = open_directory(str(directory))
    try:
        fd = locate(root, path, follow=follow)
        try:
            yield fd
        finally:
            os.close(fd)
    finally:
        os.close(root)


def read(directory: Path, path: str) -> bytes:
    with located(directory, path) as found:
        fd = reopen(found, os.O_RDONLY)
        try:
            return os.read(fd, 100)
        finally:
            os.close(fd)


def test_what_lies_below_is_found(directory: Path) -> None:
    (directory / "a" / "b").mkdir(parents=True)
    (directory / "a" / "b" / "c").write_bytes(b"c")
    assert read(directory, "a/b/c") == b"c"
    with located(directory, ".") as fd:
        assert os.path.samestat(os.fstat(fd), directory.stat())


@pytest.mark.parametrize("target", ["a/file", "../inside/a/file", "a/../a/file", "./a//file", "again"])
def test_a_relative_link_is_followed_unless_it_leaves(directory: Path, target: str) -> None:
    (directory / "a").mkdir()
    (directory / "a" / "file").write_bytes(b"inside")
    (directory / "again").symlink_to("a/file")
    (directory / "link").symlink_to(target)
    if target.startswith("../inside"):
        with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
            read(directory, "link")
    else:
        assert read(directory, "link") == b"inside"
    (directory / "a" / "up").symlink_to("../a")
    assert read(directory, "a/up/up/file") == b"inside"


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "a/../../secret", "/", "..", "../../../../../../etc"])
@pytest.mark.parametrize("name", ["link", "a/link", "link/secret"])
def test_a_link_out_is_not_followed(directory: Path, target: str, name: str) -> None:
    (directory / "a").mkdir()
    (directory / name.removesuffix("/secret")).symlink_to(
        f"../{target}" if name == "a/link" and target[0] != "/" else target
    )
    with pytest.raises(OSError, match=r"link|cross-device|directory|exist") as caught:
        read(directory, name)
    assert caught.value.errno in (errno.EXDEV, errno.ENOTDIR, errno.ENOENT)


def test_the_directory_itself_may_not_become_a_link(directory: Path) -> None:
    directory.rename(directory.with_name("moved"))
    directory.symlink_to(directory.parent)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        open_directory(str(directory))
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        open_directory(str(directory / "moved"))


@pytest.mark.parametrize(
    ("name", "number"), [("nothing", errno.ENOENT), ("file/x", errno.ENOTDIR), ("ring", errno.ELOOP)]
)
def test_what_is_not_there(directory: Path, name: str, number: int) -> None:
    (directory / "file").touch()
    (directory / "ring").symlink_to("ring")
    with pytest.raises(OSError, match=os.strerror(number)):
        read(directory, name)


def test_a_link_itself_may_be_meant(directory: Path) -> None:
    (directory / "link").symlink_to("/")
    with located(directory, "link", follow=False) as fd:
        assert os.readlink("", dir_fd=fd) == "/"


def test_no_descriptor_stays(directory: Path) -> None:
    (directory / "out").symlink_to("/etc")
    before = os.listdir("/proc/self/fd")
    for name in ("out/x", "nothing", "out", "."):
        try:
            with located(directory, name):
                pass
        except OSError:
            pass
    assert os.listdir("/proc/self/fd") == before
