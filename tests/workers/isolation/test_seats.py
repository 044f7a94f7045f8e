"""A context's seat: a user, its private directories, and the right to work in the context's directory."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interpreterd.model.errors import InvalidWorkingDirectory, LimitReached, WorkerStartFailed
from interpreterd.workers.isolation.acls import ACCESS
from interpreterd.workers.isolation.seats import Seats
from interpreterd.workers.isolation.uids import MachineRegister, UserRange, Users

FIRST = 123_470
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser has users for contexts")


@pytest.fixture
async def seats() -> AsyncIterator[Seats]:
    """Yield seats of two users."""
    made = Seats(Users(UserRange(FIRST, FIRST + 1), MachineRegister("/none/locks")))
    yield made
    made.end()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory of the daemon's user, below others that only that user may enter."""
    (tmp_path / "place").mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    return tmp_path.resolve() / "place"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Return a private directory, with a link that leads out of it."""
    (tmp_path / "private" / "home").mkdir(parents=True)
    (tmp_path / "private" / "home" / "file").touch()
    (tmp_path / "private" / "link").symlink_to(tmp_path)
    return tmp_path / "private"


def has_list(place: Path) -> bool:
    return ACCESS in os.listxattr(place)


async def test_it_has_a_user_its_directories_and_work_until_its_end(seats: Seats, place: Path, private: Path) -> None:
    seat = await seats.open(str(place), private=[str(private)], is_viewed=True)
    assert seat.user == FIRST
    assert has_list(place)
    for it in (private, private / "home", private / "home" / "file"):
        found = os.stat(it)
        assert (found.st_uid, found.st_gid) == (FIRST, FIRST)
    assert os.stat(private).st_mode & 0o777 == 0o700
    assert os.stat(private.parent).st_uid == os.geteuid()
    await seats.close(seat)
    assert not has_list(place)


async def test_a_refused_one_takes_no_user(seats: Seats, place: Path) -> None:
    for _ in range(3):
        with pytest.raises(InvalidWorkingDirectory, match="may not be entered by all users"):
            await seats.open(str(place))
    opened = [await seats.open(str(place), is_viewed=True) for _ in range(2)]
    with pytest.raises(LimitReached, match="the limit of --isolation-uids is 2"):
        await seats.open(str(place), is_viewed=True)
    for it in opened:
        await seats.close(it)


async def test_a_python_that_it_cannot_reach_is_no_python_for_it(seats: Seats, place: Path) -> None:
    with pytest.raises(
        WorkerStartFailed, match=f"cannot reach {place}: .* may not be entered by all users; use a Pyth"
    ):
        await seats.open("/tmp", needed=["/usr", "/no/such/directory", str(place)])
    seat = await seats.open("/tmp", needed=["/usr"])
    await seats.close(seat)


async def test_its_user_is_used_again_after_its_end(seats: Seats) -> None:
    first, second = [await seats.open("/tmp") for _ in range(2)]
    await seats.close(first)
    assert (await seats.open("/tmp")).user == first.user != second.user
