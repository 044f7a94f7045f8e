"""Connections that the daemon makes itself: at once, later, or not at all."""

import asyncio
import errno
import os
import socket

import pytest

from interpreterd.processes.callers import OpenSocket
from interpreterd.processes.notifications import HeldCall
from interpreterd.processes.owners import Owners
from interpreterd.workers.isolation import attempts
from interpreterd.workers.isolation.attempts import Attempt
from interpreterd.workers.isolation.destinations import Destination

CALL = HeldCall(1, 1, (3, 0, 16, 0, 0, 0))


def attempt(name: tuple[str, int], *, waits: bool = True) -> Attempt:
    """Begin to connect to ``name``, as for a caller that waits or does not."""
    seen = OpenSocket("TCP", 1, 0 if waits else os.O_NONBLOCK)
    to = Destination(socket.AF_INET, socket.inet_aton(name[0]), name[1], 3, seen)
    return Attempt(CALL, to, frozenset({1}), Owners(os.getpid()))


def test_an_attempt_that_succeeds_knows_both_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = attempt(server.getsockname())
        accepted, _ = server.accept()
        assert made.failure() == 0
        assert not made.is_open
        assert (made.here, made.there) == (accepted.getpeername(), accepted.getsockname())
        assert made.inode == os.fstat(made.socket.fileno()).st_ino
        made.close()
        made.close()
        accepted.close()


def test_an_attempt_that_fails_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = server.getsockname()
    made = attempt(name)
    assert made.failure() == errno.ECONNREFUSED
    made.close()


@pytest.mark.parametrize("waits", [True, False])
async def test_an_attempt_at_a_full_queue_is_waited_for_but_not_for_a_caller_that_would_not_wait(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "UNWAITED_LIMIT_S", 0.001)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.create_connection(server.getsockname()):
        made, ended = attempt(server.getsockname(), waits=waits), asyncio.Event()
        assert made.is_open
        assert made.failure() == 0
        made.wait(ended.set)
        assert made.has_waited
        if waits:
            server.accept()[0].close()
        await ended.wait()
        assert made.is_open is not waits
        made.close()


async def test_an_attempt_that_is_closed_calls_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.create_connection(server.getsockname()):
        made = attempt(server.getsockname(), waits=False)
        made.wait(pytest.fail)
        made.close()
        await asyncio.sleep(0)
    assert made.socket.fileno() == -1
