"""The line of a process is read while processes end, lose their parents, and give their numbers to others."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nursery_alone import run

from interpreterd.processes import lineage, proc_stat
from interpreterd.processes.lineage import LINE_LIMIT, Untraceable, is_older, line, peer_line

# Connects, itself or by a descendant, tells which process that was, and lives until its stdin ends.
CONNECT = """
import os, socket, sys
def connect():
    global sock
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(sys.argv[1])
    print(os.getpid(), flush=True)
if sys.argv[2] == "by a descendant":
    if not os.fork():
        os.setsid()
        if not os.fork():
            connect()
        sys.stdin.read()
        os._exit(0)
elif sys.argv[2] == "by a child that ends":
    if not (child := os.fork()):
        connect()
        os._exit(0)
    os.waitpid(child, 0)
    print("ended", flush=True)
else:
    connect()
sys.stdin.read()
"""
Accept = Callable[[str], tuple[socket.socket, int, int]]


@pytest.fixture
def accept(tmp_path: Path) -> Iterator[Accept]:
    """Yield a function that returns a connection to a child of this process, the child's pid, and who connected."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.listen()
    children: list[subprocess.Popen[bytes]] = []
    accepted: list[socket.socket] = []

    def connect(how: str) -> tuple[socket.socket, int, int]:
        command = [sys.executable, "-c", CONNECT, str(tmp_path / "socket"), how]
        children.append(child := subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert child.stdout is not None
        connected = int(child.stdout.readline())
        if how == "by a child that ends":
            assert child.stdout.readline() == b"ended\n"
        accepted.append(server.accept()[0])
        return accepted[-1], child.pid, connected

    yield connect
    for child in children:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        assert child.stdout.read() == b""  # all of its family has ended
        child.stdout.close()
        child.wait()
    for sock in (server, *accepted):
        sock.close()


def test_a_child_is_its_own_line(accept: Accept) -> None:
    sock, child, connected = accept("itself")
    assert connected == child
    assert peer_line(sock, os.getpid()) == (os.getpid(), [child])


def test_a_descendant_in_another_session_is_traced_to_the_child(accept: Accept) -> None:
    sock, child, connected = accept("by a descendant")
    found = peer_line(sock, os.getpid())
    assert found is not None
    assert (found.pids[0], found.pids[-1], len(found.pids)) == (connected, child, 3)


def test_a_process_itself_has_an_empty_line(tmp_path: Path) -> None:
    assert line(os.getpid(), os.getpid()) == (os.getpid(), [])


def test_a_process_above_or_beside_is_no_descendant() -> None:
    assert line(os.getppid(), os.getpid()) is None
    assert line(1, os.getpid()) is None


def test_the_nearest_of_several_ancestors_counts() -> None:
    above = os.getppid()
    assert line(os.getpid(), above) == (above, [os.getpid()])
    assert line(os.getpid(), above, os.getpid()) == (os.getpid(), [])


def test_it_is_told_which_process_is_older() -> None:
    assert is_older(1, os.getpid())
    assert not is_older(os.getpid(), 1)
    assert not is_older(NONE, os.getpid())


def test_a_process_that_connected_and_ended_cannot_be_traced(accept: Accept) -> None:
    """Its number may be another process's by now; and another process may have its connection."""
    sock, _, _ = accept("by a child that ends")
    with pytest.raises(Untraceable, match="has ended"):
        peer_line(sock, os.getpid())


def test_the_number_of_an_ended_process_that_another_one_has_got_is_not_traced(
    accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    sock, _, connected = accept("by a child that ends")
    own = proc_stat.stat(os.getpid())
    stat = proc_stat.stat
    monkeypatch.setattr(proc_stat, "stat", lambda pid: own if pid == connected else stat(pid))
    with pytest.raises(Untraceable, match="has ended"):
        peer_line(sock, os.getpid())


def fake(monkeypatch: pytest.MonkeyPatch, parents: dict[int, "list[int] | int"]) -> None:
    """Let processes have these parents; of a list each look takes one, and the last one stays."""

    def stat(pid: int) -> "list[bytes] | None":
        found = parents.get(pid)
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return None if found is None else [b"S", b"%d" % found, *[b"7"] * 20]

    monkeypatch.setattr(proc_stat, "stat", stat)


NONE = 1 << 30  # no process has such a number


def test_a_process_whose_parent_dies_meanwhile_is_traced_by_its_new_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of the dead parent is that of a process beside the ancestor by now: it would lead away."""
    fake(monkeypatch, {NONE + 1: [NONE + 2, NONE + 3], NONE + 2: 1, NONE + 3: NONE, NONE: 1, 1: 0})
    assert line(NONE + 1, NONE) == (NONE, [NONE + 1, NONE + 3])


def test_a_parent_that_has_just_died_is_no_reason_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {NONE + 1: [NONE + 2, NONE], NONE: 1, 1: 0})
    assert line(NONE + 1, NONE) == (NONE, [NONE + 1])


def test_a_line_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {NONE + count: NONE + count + 1 for count in range(2 * LINE_LIMIT)})
    with pytest.raises(Untraceable, match="more than 64"):
        line(NONE, 2)


def test_a_process_that_hides_itself_cannot_be_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the daemon's user, as a signal shows, and yet cannot be seen: it is not dumpable, under hidepid."""
    fake(monkeypatch, {NONE + 1: os.getpid(), 1: 0})
    with pytest.raises(Untraceable, match="cannot be looked at"):
        line(NONE + 1, NONE)


def test_another_users_hidden_process_is_no_descendant(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {NONE + 1: NONE + 2})

    def kill(pid: int, number: int) -> None:
        assert (pid, number) == (NONE + 2, 0)
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert line(NONE + 1, NONE) is None


def test_it_is_told_whether_a_process_adopts_orphans() -> None:
    code = (
        "from interpreterd.processes.lineage import adopts\n"
        "from interpreterd.processes.nursery import Nursery\n"
        "print(adopts())\nNursery(adopts=True)\nprint(adopts())"
    )
    assert run(code) == ["False", "True"]


def test_without_a_pidfd_of_the_peer_its_number_is_traced(accept: Accept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "SO_PEERPIDFD", 9999)  # ENOPROTOOPT, as before Linux 6.5
    sock, child, _ = accept("itself")
    assert peer_line(sock, os.getpid()) == (os.getpid(), [child])
