"""The supervisor hears of the daemon's state by datagrams; one that does not listen is not waited for."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreterd.supervisor import Supervisor


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Yield the address, and the socket, of a supervisor."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@interpreterd-test-{os.getpid()}-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.setblocking(False)
        yield name, sock


def heard(sock: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in sock.recv(4096).decode().split("\n"))


async def test_each_state_is_one_message(listening: tuple[str, socket.socket]) -> None:
    address, sock = listening
    supervisor = Supervisor(address)
    supervisor.ready("listening on x")
    assert heard(sock) == {"READY": "1", "STATUS": "listening on x", "MAINPID": str(os.getpid())}
    supervisor.reloading()
    assert heard(sock).keys() == {"RELOADING", "MONOTONIC_USEC"}
    supervisor.stopping(15)
    assert heard(sock) == {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "15000000"}
    supervisor.hand_over(7)
    assert heard(sock) == {"READY": "1", "MAINPID": "7"}
    supervisor.stopping(1)
    with pytest.raises(BlockingIOError):
        sock.recv(1)


async def test_signs_of_life_come_within_the_period_until_the_end(listening: tuple[str, socket.socket]) -> None:
    address, sock = listening
    supervisor = Supervisor(address, 0.03)
    supervisor.ready("x")
    heard(sock)
    for _ in range(3):
        assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"WATCHDOG=1"
    supervisor.close()


async def test_a_supervisor_that_does_not_listen_is_not_waited_for(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nowhere"), "@nowhere"):
        supervisor = Supervisor(address, 10)
        supervisor.ready("x")
        supervisor.close()
