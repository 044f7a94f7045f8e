"""A process is killed with all of its descendants. The processes are real and try to escape."""

import os
import signal
import subprocess
import sys

from family_tree import TREE_SIZE, members
from family_tree import tree as tree  # a fixture

from interpreterd.processes.families import children, descendants, kill_family, killing


def test_descendants_are_found_wherever_they_went(tree: subprocess.Popen[bytes]) -> None:
    everyone = members(tree)
    assert len(everyone) == TREE_SIZE
    assert set(descendants(tree.pid)) == everyone - {tree.pid}
    assert set(children(tree.pid)) < set(descendants(tree.pid))


def test_no_process_of_the_family_survives(tree: subprocess.Popen[bytes]) -> None:
    everyone = members(tree)
    assert tree.pid in everyone
    kill_family(tree.pid)
    assert tree.wait() == -signal.SIGKILL
    assert tree.stdout is not None
    assert tree.stdout.read() == b"", "a living process holds the pipe, and this would wait"


def test_a_process_of_many_threads_has_no_fewer_children() -> None:
    """The process has more threads than the code asks one by one."""
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
        assert process.stdout.read() == b"", "a living process holds the pipe, and this would wait"


def test_a_family_is_killed_in_steps_of_one_process_or_less(tree: subprocess.Popen[bytes]) -> None:
    """The event loop can run between two steps."""
    everyone = members(tree)
    assert sum(1 for _ in killing(tree.pid)) > 3 * len(everyone), "stop, look, kill"


def test_a_stopped_process_dies_too(tree: subprocess.Popen[bytes]) -> None:
    everyone = members(tree)
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    kill_family(tree.pid)
    assert tree.wait() == -signal.SIGKILL


def test_a_dead_process_has_no_family() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert children(process.pid) == descendants(process.pid) == []
    kill_family(process.pid)


def test_a_zombie_is_no_obstacle() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    kill_family(process.pid)
    assert process.wait() == 0
