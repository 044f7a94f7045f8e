"""What the daemon tells its guard when that does not listen: nothing is lost, nobody waits, the end is bounded."""

import asyncio
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from interpreterd.processes import guard as guard_module
from interpreterd.processes.guard import Guard

F_SETPIPE_SZ = 1031  # fcntl(2)
NOBODY = (1 << 22) + 1  # a pid beyond the largest that there can be; see proc(5)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe with room for a page; the guard closes its writing end."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    yield reader, writer
    os.close(reader)


def known(data: bytes) -> set[int]:
    """Return the pids of which ``data`` says last that they live, as the guard reads it."""
    pids = set()
    for line in data.removesuffix(b".\n").splitlines():
        (pids.add if line[:1] == b"+" else pids.discard)(int(line[1:]))
    return pids


def read_all(reader: int) -> bytes:
    """Return what is in the pipe now."""
    os.set_blocking(reader, False)
    data = b""
    try:
        while more := os.read(reader, 1 << 16):
            data += more
    except BlockingIOError:
        pass
    return data


async def test_what_a_full_pipe_does_not_take_is_told_when_it_does(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    guard = Guard(pid=NOBODY, pipe=writer)
    for pid in range(1, 3001):
        guard.watch(pid)
    for pid in range(1, 3001, 2):
        guard.forget(pid)
    told = b""
    assert guard._untold
    while guard._untold:
        told += read_all(reader)
        await asyncio.sleep(0)
    told += read_all(reader)
    assert known(told) == set(range(2, 3001, 2))
    guard.close()


def test_without_a_loop_it_is_told_with_the_next_and_at_the_end(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    guard = Guard(pid=NOBODY, pipe=writer)
    for pid in range(10_000, 10_700):
        guard.watch(pid)
    told = read_all(reader)
    assert len(known(told)) < 700
    guard.watch(10_700)
    told += read_all(reader)
    assert known(told) == set(range(10_000, 10_701))
    guard.close()


def test_what_it_keeps_for_a_guard_that_does_not_listen_is_bounded(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the workers that live, and those that the guard takes for living; not by those that came and went."""
    monkeypatch.setattr(guard_module, "_CLOSE_LIMIT_S", 0)
    _, writer = pipe
    guard = Guard(pid=NOBODY, pipe=writer)
    for pid in range(10_000, 30_000):
        guard.watch(pid)
        guard.forget(pid)
    assert len(guard._untold) <= 4096 / len(b"+10000\n")
    guard.close()


def test_a_number_that_comes_again_is_of_the_one_who_has_it_now(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    guard = Guard(pid=NOBODY, pipe=writer)
    guard.watch(5)
    for pid in range(1000, 2000):
        guard.watch(pid)
    guard.forget(5)
    guard.watch(5)
    guard.forget(1500)
    guard.watch(6)
    guard.forget(6)
    told = read_all(reader)
    guard.watch(7)
    told += read_all(reader)
    guard.forget(8)
    guard.close()
    assert known(told + read_all(reader)) == {5, 7, *range(1000, 2000)} - {1500}


@pytest.mark.parametrize("full", [False, True], ids=["has heard all", "has not"])
def test_a_guard_that_stands_still_is_not_waited_for(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """It is killed. What it has not heard yet might have been that a worker is gone whose number is another one's."""
    monkeypatch.setattr(guard_module, "_CLOSE_LIMIT_S", 0)
    _, writer = pipe
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.send_signal(signal.SIGSTOP)
        guard = Guard(pid=process.pid, pipe=writer)
        for pid in range(2000 if full else 1):
            guard.watch(pid)
        guard.close()
        assert process.wait() in (0, -signal.SIGKILL)  # 0: it has been reaped by the guard's side


def test_a_process_that_is_no_child_is_neither_waited_for_nor_killed(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "_CLOSE_LIMIT_S", 0)
    _, writer = pipe
    guard = Guard(pid=os.getpid(), pipe=writer)
    for pid in range(2000):
        guard.watch(pid)
    guard.close()
