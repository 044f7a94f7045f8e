"""Killing everything that descends from a process, by the real thing: processes that try to get away."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from harness import gone
from paths import ROOT

from interpreterd.processes import guard as guard_module
from interpreterd.processes.families import children, descendants, kill_family, killing
from interpreterd.processes.guard import Guard
from interpreterd.processes.nursery import Nursery

# A subreaper, as a worker is, whose descendants do what daemons do to get away: a session of their own, a double fork.
TREE = """
import ctypes, os, signal, sys, threading, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER

def tell():
    os.write(1, b"%d\\n" % os.getpid())

def linger():
    tell()
    while True:
        signal.pause()

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        linger()                      # in another session
    linger()
if (child := os.fork()) == 0:
    os.setsid()
    if os.fork() == 0:
        linger()                      # an orphan: its parent is gone
    os._exit(0)
os.waitpid(child, 0)

def from_a_thread():
    if os.fork() == 0:
        linger()

thread = threading.Thread(target=from_a_thread)
thread.start()
linger()
"""
TREE_SIZE = 5


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a family that stands in ``pids``."""
    process = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, start_new_session=True)
    yield process
    assert process.stdout is not None
    with process:
        kill_family(process.pid)
        process.stdout.close()


def members(process: subprocess.Popen[bytes]) -> set[int]:
    """Wait until all of the family are there."""
    assert process.stdout is not None
    return {int(process.stdout.readline()) for _ in range(TREE_SIZE)}


def test_descendants_are_found_wherever_they_went(tree: subprocess.Popen[bytes]) -> None:
    everyone = members(tree)
    assert len(everyone) == TREE_SIZE
    assert set(descendants(tree.pid)) == everyone - {tree.pid}
    assert set(children(tree.pid)) < set(descendants(tree.pid))


def test_nobody_survives(tree: subprocess.Popen[bytes]) -> None:
    everyone = members(tree)
    assert tree.pid in everyone
    kill_family(tree.pid)
    assert tree.wait() == -signal.SIGKILL
    assert tree.stdout is not None
    assert tree.stdout.read() == b"", "whoever lives holds the pipe, and this would wait"


def test_a_process_of_many_threads_has_no_fewer_children() -> None:
    """Its threads are too many to ask each of them."""
    code = """
import os, signal, threading
done = threading.Event()
for _ in range(50):
    threading.Thread(target=done.wait, daemon=True).start()
def fork():
    if not os.fork():
        signal.pause()
for start in (fork, threading.Thread(target=fork).run):
    start()
print(flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(os.listdir(f"/proc/{process.pid}/task")) == 51
        assert len(descendants(process.pid)) == 2
        kill_family(process.pid)
        assert process.stdout.read() == b"", "whoever lives holds the pipe, and this would wait"


def test_a_family_is_killed_in_steps_of_one_process_or_less(tree: subprocess.Popen[bytes]) -> None:
    """So that a large one can be killed in slices."""
    everyone = members(tree)
    assert sum(1 for _ in killing(tree.pid)) > 3 * len(everyone), "stop, look, kill"


def test_a_stopped_process_dies_too(tree: subprocess.Popen[bytes]) -> None:
    everyone = members(tree)
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    kill_family(tree.pid)
    assert tree.wait() == -signal.SIGKILL


def test_whoever_is_gone_has_no_family() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert children(process.pid) == descendants(process.pid) == []
    kill_family(process.pid)


def test_a_zombie_is_no_obstacle() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    kill_family(process.pid)
    assert process.wait() == 0


# The guard

# The guard is forked by a process of its own: this one has threads.
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
    """Run a process with a guard that is told ``lines``; yield it and the guard's pid."""
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


def test_the_guard_kills_nobody_that_it_was_told_to_forget(tree: subprocess.Popen[bytes]) -> None:
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


def test_a_guard_that_is_gone_disturbs_nobody() -> None:
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


# The nursery

NURSERY = """
import asyncio, os, signal, subprocess, sys
from interpreterd.processes.families import children
from interpreterd.processes.nursery import Nursery

async def main():
    nursery = Nursery(adopts=True)
    known = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    nursery.add(known.pid)
    # dies at once and leaves two behind, one in a session of its own
    subprocess.run([sys.executable, "-c", '''
import os, signal
for setsid in (False, True):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if setsid:
            os.setsid()
        os.close(1)
        while True:
            signal.pause()
'''])
    before = len(children(os.getpid()))
    await nursery.sweep()
    print(before, children(os.getpid()) == [known.pid], known.poll(), len(os.listdir("/proc/self/task")))
    known.kill()
    known.wait()
    nursery.remove(known.pid)
    await nursery.sweep()

asyncio.run(main())
"""


ENDS_AMID_A_SWEEP = """
import asyncio, os, subprocess, sys
from interpreterd.processes import guard
from interpreterd.processes.nursery import Nursery

the_guard = guard.start()

async def main():
    nursery = Nursery(guard=the_guard, adopts=True)
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    nursery._note_orphans = lambda stopped: os._exit(0)
    await nursery.sweep()

asyncio.run(main())
"""


def test_what_a_sweep_has_stopped_is_killed_also_if_the_daemon_ends_before_that() -> None:
    """The left process has this one's pipe, which ends with it."""
    program = [sys.executable, "-c", ENDS_AMID_A_SWEEP]
    subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=30)


def test_a_sweep_kills_and_reaps_what_was_left_and_nothing_else() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", NURSERY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (shown.stdout, shown.stderr) == ("3 True None 1\n", "")


def test_a_nursery_that_does_not_adopt_leaves_the_children_of_others_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        asyncio.run(Nursery().sweep())
        assert process.poll() is None
        process.kill()


def test_the_nursery_tells_the_guard() -> None:
    reader, writer = os.pipe()
    nursery = Nursery(guard=Guard(pid=1, pipe=writer))
    assert nursery.guarded
    nursery.add(10)
    nursery.remove(10)
    os.close(writer)
    with open(reader, "rb") as told:
        assert told.read() == b"+10\n-10\n"
