"""The guard kills workers when the daemon ends, and the daemon's messages reach it or are bounded."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from family_tree import members
from family_tree import tree as tree  # a fixture
from harness import gone
from paths import ROOT

from interpreterd.processes import guard as guard_module
from interpreterd.processes.guard import Guard

F_SETPIPE_SZ = 1031  # fcntl(2)
NOBODY = (1 << 22) + 1  # no process has it: it is above the largest possible pid; see proc(5)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Yield a pipe with room for one page. The guard closes the writing end."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    yield reader, writer
    os.close(reader)


def known(data: bytes) -> set[int]:
    """Return the pids that the guard watches after it has read ``data``."""
    pids = set()
    for line in data.removesuffix(b".\n").splitlines():
        (pids.add if line[:1] == b"+" else pids.discard)(int(line[1:]))
    return pids


def read_all(reader: int) -> bytes:
    """Return the bytes that the pipe holds now."""
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
    """The bound is the number of workers that live or that the guard watches, not of all workers so far."""
    monkeypatch.setattr(guard_module, "_CLOSE_LIMIT_S", 0)
    _, writer = pipe
    guard = Guard(pid=NOBODY, pipe=writer)
    for pid in range(10_000, 30_000):
        guard.watch(pid)
        guard.forget(pid)
    assert len(guard._untold) <= 4096 / len(b"+10000\n")
    guard.close()


def test_a_pid_that_comes_again_belongs_to_its_new_process(pipe: tuple[int, int]) -> None:
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
    """The guard is killed: it may have missed that a worker ended, and another process may have that pid now."""
    monkeypatch.setattr(guard_module, "_CLOSE_LIMIT_S", 0)
    _, writer = pipe
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.send_signal(signal.SIGSTOP)
        guard = Guard(pid=process.pid, pipe=writer)
        for pid in range(2000 if full else 1):
            guard.watch(pid)
        guard.close()
        assert process.wait() in (0, -signal.SIGKILL)  # 0: ``Guard.close`` has reaped it


def test_a_process_that_is_no_child_is_neither_waited_for_nor_killed(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "_CLOSE_LIMIT_S", 0)
    _, writer = pipe
    guard = Guard(pid=os.getpid(), pipe=writer)
    for pid in range(2000):
        guard.watch(pid)
    guard.close()


# The processes that the guard kills

# A separate process forks the guard, because the test's process has threads.
GUARDED = """
import os, sys
from interpreterd.processes import guard
it = guard.start()
print(it.pid, flush=True)
for line in sys.stdin:
    word, pid = line.split()
    getattr(it, word)(int(pid))
    print("ok", flush=True)
if sys.argv[1] == "closes":
    it.close()
    print("closed", flush=True)
os._exit(0)
"""


@contextlib.contextmanager
def guarded(how: str, *lines: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a process that passes ``lines`` to its guard; yield the process and the guard's pid."""
    with subprocess.Popen(
        [sys.executable, "-c", GUARDED, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        for line in lines:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ok\n"
        yield process, pid


async def test_the_guard_kills_the_families_of_a_daemon_that_was_killed(tree: subprocess.Popen[bytes]) -> None:
    members(tree)
    with guarded("dies", f"watch {tree.pid}") as (daemon, guard):
        daemon.kill()
    assert tree.wait() == -signal.SIGKILL
    await gone(guard)


def test_the_guard_kills_no_process_that_it_was_told_to_forget(tree: subprocess.Popen[bytes]) -> None:
    members(tree)
    with guarded("closes", f"watch {tree.pid}", f"forget {tree.pid}") as (daemon, _):
        out, _ = daemon.communicate()
        assert out == "closed\n"
    assert tree.poll() is None


def test_closing_the_guard_ends_the_families_it_still_knows_first(tree: subprocess.Popen[bytes]) -> None:
    members(tree)
    with guarded("closes", f"watch {tree.pid}") as (daemon, _):
        out, _ = daemon.communicate()
        assert out == "closed\n"
        assert tree.wait() == -signal.SIGKILL


def test_a_guard_that_is_gone_causes_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    guard = Guard(pid=os.getpid(), pipe=writer)
    guard.watch(1234)
    guard.forget(1234)
    guard.close()


def test_only_the_single_binary_has_a_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    assert guard_module._unpacked() is None
    monkeypatch.setattr(sys, "_MEIPASS", "/tmp/_MEIabc", raising=False)
    assert guard_module._unpacked() == "/tmp/_MEIabc"
