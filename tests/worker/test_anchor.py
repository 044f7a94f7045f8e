"""The first process of a pid namespace: it outlives its parent, and dies with the next one."""

import importlib.util
import os
import signal
import subprocess
import sys
from types import ModuleType

import pytest
from harness import alive, state
from paths import ROOT

BETWEEN = """
import os, sys
sys.path.insert(0, sys.argv[1])
import anchor
first = anchor.start(os.pidfd_open(os.getpid()))
print(first, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def anchor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("anchor", ROOT / "worker" / "anchor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.is_possible():
        pytest.skip("there is no such program for this machine")
    return module


def test_it_takes_little_memory_and_holds_nothing_open(anchor: ModuleType) -> None:
    parent = os.pidfd_open(os.getpid())
    pid = anchor.start(parent)
    try:
        while state(pid) != "S":
            os.sched_yield()
        with open(f"/proc/{pid}/smaps_rollup") as file:
            used = dict(line.split()[:2] for line in file.readlines()[1:])
        assert int(used["Pss:"]) <= 24
        assert not {"0", "1", "2"} & set(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/status") as file:
            ignored = next(int(line.split()[1], 16) for line in file if line.startswith("SigIgn"))
        assert ignored >> signal.SIGCHLD - 1 & 1, "the kernel reaps its children"
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, "of this process nothing has changed"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(parent)


def test_it_outlives_the_process_that_has_started_it_and_no_other_parent(anchor: ModuleType) -> None:
    code = f"""
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # a subreaper, as the daemon is
between = subprocess.Popen([sys.executable, "-c", {BETWEEN!r}, sys.argv[1]], stdin=-1, stdout=-1)
first = int(between.stdout.readline())
between.communicate(b"\\n")
while open(f"/proc/{{first}}/syscall").read().split()[0] != "34":  # pause(2)
    os.sched_yield()
print(first, flush=True)
sys.stdin.readline()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(ROOT / "worker")], stdin=pipe, stdout=pipe) as daemon:
        assert daemon.stdout is not None
        first = int(daemon.stdout.readline())
        assert alive(first)
        daemon.communicate(b"\n")
    while alive(first):
        os.sched_yield()
