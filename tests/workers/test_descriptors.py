"""A worker's descriptors are never used after they are closed, when others may have their numbers."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from interpreterd.processes.nursery import Nursery
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker

NOBODY = (1 << 22) + 1  # no process has it: it is above the largest possible pid; see proc(5)


@pytest.fixture
def worker() -> Iterator[ProcessWorker]:
    """Yield the daemon's side of a worker that writes nothing."""
    with both_ends() as (ours, theirs):
        worker = ProcessWorker(NOBODY, ours, Nursery())
    assert theirs.channel.fileno() == -1
    yield worker
    worker.process_exited(-9)


async def next_turns() -> None:
    """Let the event loop run all callbacks that are ready."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cut_short", [False, True], ids=["ends", "is given up"])
async def test_new_descriptors_with_the_same_numbers_stay_open(worker: ProcessWorker, cut_short: bool) -> None:
    """The worker ends, or its start is cancelled, while its channel is being opened."""
    opening = asyncio.create_task(worker.open())
    await asyncio.sleep(0)
    if cut_short:
        opening.cancel()
        await asyncio.wait([opening])
    worker.process_exited(-9)
    others = [socket.socketpair() for _ in range(10)]
    await asyncio.wait([opening])
    await next_turns()
    for one, other in others:
        one.send(b"x")
        assert other.recv(1) == b"x"
        one.close()
        other.close()


def held() -> set[str]:
    """Return the unique names of this process's open descriptors."""
    folder = "/proc/self/fd"
    return {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder) if os.path.islink(f"{folder}/{fd}")}


async def test_all_of_its_descriptors_are_closed(worker: ProcessWorker) -> None:
    mine = {name for name in held() if "pipe" in name or "socket" in name}
    opening = asyncio.create_task(worker.open())
    await asyncio.sleep(0)
    worker.process_exited(-9)
    await opening
    while len(mine - held()) < 3:  # noqa: ASYNC110 -- no event tells when a transport has closed
        await asyncio.sleep(0)
