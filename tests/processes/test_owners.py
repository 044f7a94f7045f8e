"""Whether a family has a socket open: judged by what is so at that moment."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterable

from interpreterd.processes.families import children, kill_family
from interpreterd.processes.owners import SEARCH_STEPS_LIMIT, Owners


def have(owners: Owners, inodes: Iterable[int]) -> bool:
    steps = owners.have(inodes)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: bool = end.value
            return found


def inode(fd: int) -> int:
    return os.fstat(fd).st_ino


def test_a_socket_of_the_worker_itself_is_found_and_another_is_not() -> None:
    with socket.socket() as one, socket.socket() as two:
        owners = Owners(os.getpid())
        assert have(owners, [inode(one.fileno())])
        assert have(owners, [inode(one.fileno()), inode(two.fileno())])
        gone = inode(two.fileno())
        two.close()
        assert not have(owners, [inode(one.fileno()), gone])


def test_what_was_found_once_is_found_again_without_a_search() -> None:
    with socket.socket() as one:
        owners = Owners(os.getpid())
        assert have(owners, [inode(one.fileno())])
        steps = owners.steps
        assert have(owners, [inode(one.fileno())])
        assert owners.steps == steps


CHILD_HAS_IT = """
import os, signal, sys
fd = int(sys.argv[1])
os.fork() or signal.pause()
os.close(fd)
print(flush=True)
os.wait()
"""


def test_a_socket_of_a_child_is_the_familys_until_the_child_has_ended() -> None:
    one = socket.socket()
    arguments, number = [sys.executable, "-c", CHILD_HAS_IT, str(one.fileno())], inode(one.fileno())
    with subprocess.Popen(arguments, pass_fds=[one.fileno()], stdout=subprocess.PIPE) as worker:
        one.close()
        assert worker.stdout is not None
        worker.stdout.readline()
        owners = Owners(worker.pid)
        assert have(owners, [number])
        kill_family(*children(worker.pid))
        worker.wait()
        assert not have(owners, [number])


def test_a_process_that_is_not_of_the_family_any_more_does_not_count() -> None:
    """The place is remembered; whose it is, is asked again."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with socket.socket() as one, subprocess.Popen(command, stdin=subprocess.PIPE) as other:
        owners = Owners(other.pid)
        owners._remember(inode(one.fileno()), os.getpid(), str(one.fileno()))
        assert not have(owners, [inode(one.fileno())])
        other.communicate()


def test_a_search_is_bounded_and_made_in_steps() -> None:
    pair = socket.socketpair()
    with pair[0] as one, pair[1]:
        owners = Owners(os.getpid())
        left = iter(range(1))
        list(owners._search(os.getpid(), {inode(one.fileno())}, left))
        assert owners.steps == 1
        assert SEARCH_STEPS_LIMIT < 1 << 16
        assert sum(1 for _ in owners.have([1])) >= len(os.listdir("/proc/self/fd")) - 2
