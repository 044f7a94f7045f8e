"""A process tree that tries to escape in all the ways of daemons."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from interpreterd.processes.families import kill_family

# A subreaper, as a worker is. Its descendants try to escape as daemons do: a new session, a double fork.
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
    """Yield a process with descendants."""
    process = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, start_new_session=True)
    yield process
    assert process.stdout is not None
    with process:
        kill_family(process.pid)
        process.stdout.close()


def members(process: subprocess.Popen[bytes]) -> set[int]:
    """Wait until the whole family exists; return its pids."""
    assert process.stdout is not None
    return {int(process.stdout.readline()) for _ in range(TREE_SIZE)}
