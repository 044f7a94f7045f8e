"""What a context and its forks have in common stays as long as one of them is there."""

import os
from pathlib import Path

import pytest

from interpreterd.model.isolation import Isolation, IsolationInfo
from interpreterd.pipe.confinement import Confinement, Landlock
from interpreterd.workers.isolation.directories import PrivateDirectories
from interpreterd.workers.isolation.jails import Commons, Jail, Place, tree_removed
from interpreterd.workers.isolation.seats import Seat
from interpreterd.workers.launcher import Launcher

INFO = IsolationInfo(isolation=Isolation(profile="standard"), layers=("seccomp",))


def confined_to(cwd: str) -> Confinement:
    return Confinement(home="/", temporary="/", landlock=Landlock(abi=7, read=(), write=(cwd,)), seccomp="")


class FakeJailer:
    """Notes what it is asked for."""

    launcher: Launcher = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.removed: list[tuple[PrivateDirectories, Seat | None]] = []
        self.entered: list[Seat] = []

    async def enter(self, seat: Seat) -> None:
        self.entered.append(seat)

    def confinement(self, isolation: Isolation, cwd: str, commons: Commons) -> Confinement:
        assert isolation is INFO.isolation
        return confined_to(cwd)

    async def remove(self, private: PrivateDirectories, seat: Seat | None = None) -> None:
        self.removed.append((private, seat))


@pytest.fixture
def commons(tmp_path: Path) -> Commons:
    root = tmp_path / "private"
    private = PrivateDirectories(root=str(root), home=str(root / "home"), temporary=str(root / "tmp"))
    return Commons(private, Seat(user=100_000, cwd="/work"))


async def test_private_directories_and_the_user_go_with_the_last(commons: Commons) -> None:
    jailer = FakeJailer()
    original = Jail(INFO, confined_to("/work"), commons, jailer)
    fork = original.share()
    fork_of_a_fork = fork.share()
    assert (fork.user, fork.info, fork.confinement) == (100_000, INFO, original.confinement)
    assert fork.directories == original.directories
    await original.close()
    await original.close()
    await fork.close()
    assert jailer.removed == []
    await fork_of_a_fork.enter()
    assert jailer.entered == [commons.seat]
    await fork_of_a_fork.close()
    assert jailer.removed == [(commons.private, commons.seat)]


async def test_a_fork_with_a_directory_of_its_own_restarts_there_and_nowhere_else(
    commons: Commons, tmp_path: Path
) -> None:
    original = Jail(INFO, confined_to("/work"), commons, FakeJailer())
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "file").touch()
    fork = original.share(str(tmp_path / "copy"))
    assert fork.confinement is not None
    assert fork.confinement.landlock.write == (str(tmp_path / "copy"),)
    again = fork.share()
    assert again.confinement == fork.confinement
    await fork.close()
    assert os.listdir(tmp_path) == ["copy"], "a fork of the fork works there"
    await again.close()
    assert os.listdir(tmp_path) == []


async def test_without_isolation_a_forks_own_directory_goes_with_it(tmp_path: Path) -> None:
    original = Place(None)  # type: ignore[arg-type]
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "file").touch()
    fork = original.share(str(tmp_path / "copy"))
    await original.close()
    assert os.listdir(tmp_path) == ["copy"]
    await fork.close()
    await fork.close()
    assert os.listdir(tmp_path) == []


async def test_a_directory_that_is_gone_need_not_be_removed(tmp_path: Path) -> None:
    await tree_removed(str(tmp_path / "gone"))
