"""A context's seat: a user, its private directories, and the right to work in the context's directory."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.workers.isolation.acls import ACCESS
from interpreterd.workers.isolation.seats import Seat, Seats
from interpreterd.workers.isolation.uids import MachineRegister, Users
from interpreterd.workers.isolation.user_range import UserRange

FIRST = 123_470
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser has users for contexts")


@pytest.fixture
async def seats() -> AsyncIterator[Seats]:
    """Yield seats for two users."""
    made = Seats(Users(UserRange(FIRST, FIRST + 1), MachineRegister("/none/locks")))
    await made.refresh()
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory of the daemon's user, below others that only that user may enter."""
    (tmp_path / "place").mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    return tmp_path.resolve() / "place"


async def entered(seats: Seats, cwd: Path, **facts: Any) -> Seat:
    seat = Seat(user=seats.take(), cwd=str(cwd), **facts)
    await asyncio.gather(*(seats.enter(seat) for _ in range(3)))
    return seat


def has_list(place: Path) -> bool:
    return ACCESS in os.listxattr(place)


async def test_its_user_has_its_directories_and_works_in_the_contexts_until_its_end(seats: Seats, place: Path) -> None:
    private = place.parent / "private"
    os.mkdir(private, 0o700)
    seat = await entered(seats, place, private=[str(private)], is_viewed=True)
    assert (seat.user, has_list(place)) == (FIRST, True)
    found = os.stat(private)
    assert (found.st_uid, found.st_gid) == (FIRST, FIRST)
    await seats.end(seat)
    assert not has_list(place)


async def test_a_directory_that_the_user_cannot_reach_is_refused_and_changed_by_nothing(
    seats: Seats, place: Path
) -> None:
    with pytest.raises(InvalidWorkingDirectory, match="may not be entered by all users"):
        await entered(seats, place)
    assert not has_list(place)


async def test_a_python_that_the_user_cannot_reach_is_no_python_for_it(seats: Seats, place: Path) -> None:
    with pytest.raises(IsolationUnavailable, match=f"cannot reach the Python environment: {place} lies in"):
        await entered(seats, Path("/tmp"), needed=["/usr", "/no/such/directory", str(place)])
    await entered(seats, Path("/tmp"), needed=["/usr", "/usr/bin/env"])


async def test_a_user_is_free_again_after_its_end(seats: Seats) -> None:
    first = await entered(seats, Path("/tmp"))
    await entered(seats, Path("/tmp"))
    await seats.end(first)
    assert seats.take() == first.user
