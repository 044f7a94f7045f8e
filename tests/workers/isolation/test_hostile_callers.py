"""A confined process that changes the arguments of its calls, floods a queue, or is interrupted, while it is judged."""

import socket
from collections.abc import AsyncIterator

import pytest
from notifying import notifying, until

from interpreterd.processes.listening import SocketTable
from interpreterd.processes.notifications import CallListener
from interpreterd.workers.isolation.loopback import ATTEMPTS_LIMIT
from interpreterd.workers.isolation.switchboard import Switchboard


@pytest.fixture
async def board() -> AsyncIterator[Switchboard]:
    board = Switchboard()
    yield board
    board.close()


async def said(board: Switchboard, code: str, *fds: int, ports: frozenset[int] = frozenset()) -> list[str]:
    """Return what ``code`` says, in a process of which all calls are answered."""
    async with notifying("import socket\n" + code, *fds) as process:
        board.add(CallListener(process.listener), process.pid, ports)
        return await process.rest()


async def test_a_raced_address_never_reaches_another_server(board: Switchboard) -> None:
    """One thread changes the port in the address between the daemon's look at it and the call."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        code = f"""
import ctypes, struct, threading
own = socket.create_server(("127.0.0.1", 0), backlog=500)
address = ctypes.create_string_buffer(struct.pack("=H2x4B8x", 2, 127, 0, 0, 1))
ports = [own.getsockname()[1].to_bytes(2, "big"), ({other.getsockname()[1]}).to_bytes(2, "big")]
done = False
def flip():
    while not done:
        for port in ports:
            ctypes.memmove(ctypes.addressof(address) + 2, port, 2)
thread = threading.Thread(target=flip)
thread.start()
libc = ctypes.CDLL(None)
reached = []
for _ in range(300):
    with socket.socket() as one:
        if libc.connect(one.fileno(), address, 16) == 0:
            reached.append(one.getpeername()[1])
done = True
thread.join()
say(set(reached) == {{own.getsockname()[1]}}, 0 < len(reached) < 300)
"""
        assert await said(board, code) == ["True True"]
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_a_raced_descriptor_gets_a_connection_to_the_own_server_or_none(board: Switchboard) -> None:
    """One thread puts sockets of other kinds into the descriptor's place."""
    code = """
import ctypes, os, struct, threading
own = socket.create_server(("127.0.0.1", 0), backlog=500)
address = struct.pack("=H", 2) + own.getsockname()[1].to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
target = os.dup(0)
kinds = [socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)]
done = False
def flip():
    while not done:
        for kind in kinds:
            os.dup2(kind.fileno(), target)
thread = threading.Thread(target=flip)
thread.start()
libc = ctypes.CDLL(None)
answers = {libc.connect(target, address, 16) for _ in range(200)}
done = True
thread.join()
say(answers == {0, -1})
"""
    assert await said(board, code) == ["True"]


async def test_a_full_queue_refuses_a_caller_that_would_not_wait_and_lets_another_wait(board: Switchboard) -> None:
    """The kernel tries again after a second."""
    code = """
import threading
server = socket.create_server(("127.0.0.1", 0), backlog=0)
name = server.getsockname()
with socket.create_connection(name):
    say(attempt(name, wait=False))
    thread = threading.Thread(target=lambda: say(attempt(name)))
    thread.start()
    server.accept()[0].close()
    server.accept()[0].close()
    thread.join()
"""
    assert await said(board, code) == ["ConnectionRefusedError", "None"]


async def test_connections_that_are_waited_for_are_bounded_and_end_with_their_callers(board: Switchboard) -> None:
    code = f"""
import os, signal
server = socket.create_server(("127.0.0.1", 0), backlog=0)
with socket.create_connection(server.getsockname()):
    children = []
    for _ in range({ATTEMPTS_LIMIT}):
        child = os.fork()
        if child == 0:
            attempt(server.getsockname())
            os._exit(0)
        children.append(child)
    say("waiting")
    input()
    say(attempt(server.getsockname()))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    server.accept()[0].close()
    say(attempt(server.getsockname(), wait=False))
"""
    async with notifying("import socket\n" + code) as process:
        board.add(CallListener(process.listener), process.pid, frozenset())
        (line,) = board._lines.values()
        assert await process.line() == "waiting"
        await until(lambda: len(line.loopback.attempts) == ATTEMPTS_LIMIT)
        process.tell()
        assert await process.rest() == ["ConnectionRefusedError", "None"]


async def test_callers_that_are_interrupted_again_and_again_connect_all_the_same(board: Switchboard) -> None:
    code = """
import signal
server = socket.create_server(("127.0.0.1", 0), backlog=500)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
answers = [attempt(server.getsockname()) for _ in range(200)]
signal.setitimer(signal.ITIMER_REAL, 0)
say(*set(answers))
"""
    assert await said(board, code) == ["None"]


async def test_a_connection_that_a_firewall_has_sent_elsewhere_is_not_handed_over(
    board: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other end of the daemon's socket is then no socket of this machine; here the kernel says so."""
    monkeypatch.setattr(SocketTable, "connected", lambda *_: None)
    code = """
server = socket.create_server(("127.0.0.1", 0))
say(attempt(server.getsockname()))
"""
    assert await said(board, code) == ["PermissionError"]
