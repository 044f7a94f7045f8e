"""Paths of a context are judged by where they lead."""

from pathlib import Path

import pytest

from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory
from interpreterd.model.isolation import Isolation, IsolationUnavailable
from interpreterd.pipe.confinement import Confinement, Landlock
from interpreterd.workers.isolation.apart import ApartDirectory
from interpreterd.workers.isolation.bounds import check_apart, check_bounds

PRIVATE = "/private/interpreterd-x/1"


def test_a_link_below_an_allowed_path_does_not_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path)
    path = str(tmp_path / "allowed")
    ours = Isolation(profile="standard", write_paths=(path,))
    for asked in ((path,), (path + "/missing",)):
        check_bounds(Isolation(profile="standard", read_paths=asked, write_paths=asked), ours, "/work", PRIVATE)
    with pytest.raises(InvalidRequest, match=r"isolation\.readPaths must lie below"):
        check_bounds(Isolation(profile="standard", read_paths=(path + "/link",)), ours, "/work", PRIVATE)
    with pytest.raises(InvalidRequest, match=r"isolation\.writePaths must lie below"):
        check_bounds(Isolation(profile="standard", write_paths=(path + "/link",)), ours, "/work", PRIVATE)


@pytest.mark.parametrize("path", ["/", "/private", "/private/interpreterd-x", "/private/interpreterd-x/2/home"])
def test_no_path_holds_other_contexts_private_directories(path: str) -> None:
    asked = Isolation(profile="standard", read_paths=(path,))
    with pytest.raises(InvalidRequest, match="other contexts' directories"):
        check_bounds(asked, Isolation(), "/work", PRIVATE)
    with pytest.raises(InvalidWorkingDirectory, match="other contexts' directories"):
        check_bounds(Isolation(profile="standard"), Isolation(), path, PRIVATE)


@pytest.mark.parametrize("cwd", ["/proc", "/proc/1", "/sys/kernel", "/dev", "/dev/shm"])
def test_the_kernels_directories_are_no_working_directories(cwd: str) -> None:
    with pytest.raises(InvalidWorkingDirectory, match="must not be the kernel's"):
        check_bounds(Isolation(profile="strict"), Isolation(), cwd, PRIVATE)
    check_bounds(Isolation(profile="strict"), Isolation(), "/dev/shm/mine", PRIVATE)


APART = [ApartDirectory("/state/of/daemon", 1, 2)]


@pytest.mark.parametrize("path", ["/state/of/daemon", "/state/of/daemon/archives"])
def test_no_path_is_in_the_daemons_state(path: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^isolation\.readPaths must not be in --state-dir, unlike "):
        check_bounds(Isolation(profile="standard", read_paths=(path,)), Isolation(), "/work", PRIVATE, APART)
    with pytest.raises(InvalidWorkingDirectory, match="must not be in --state-dir: "):
        check_bounds(Isolation(profile="standard"), Isolation(), path, PRIVATE, APART)


def test_a_path_above_the_daemons_state_needs_a_view_that_covers_it() -> None:
    check_bounds(Isolation(profile="standard", read_paths=("/state",)), Isolation(), "/state/of", PRIVATE, APART)
    for read, write in ((("/usr", "/state"), ()), ((), ("/state/of",)), ((), ("/state/of/daemon",))):
        landlock = Landlock(abi=4, read=read, write=write, devices=())
        check_apart(Confinement(home="/h", temporary="/t", landlock=landlock, seccomp="", view={}), APART)
        with pytest.raises(IsolationUnavailable, match=r"^isolated code could reach --state-dir, which is in /state"):
            check_apart(Confinement(home="/h", temporary="/t", landlock=landlock, seccomp=""), APART)
    elsewhere = Landlock(abi=4, read=("/state/of/other",), write=("/work",), devices=())
    check_apart(Confinement(home="/h", temporary="/t", landlock=elsewhere, seccomp=""), APART)
