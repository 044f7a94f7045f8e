"""A daemon on a unix socket: only its user can connect, it replaces no socket in use, and removes its own."""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Client, Daemon, gone

Start = Callable[..., Awaitable[Daemon]]


async def test_says_where_it_listens_and_serves_there(start_daemon: Start, tmp_path: Path) -> None:
    daemon = await start_daemon("--unix-socket", "a.sock")
    path = tmp_path / "a.sock"
    assert daemon.announced == {"url": f"unix:{path}", "port": None, "pid": daemon.process.pid}
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"
        _, body = await client.request("POST", "/execute", json={"code": "print(2)"})
        assert body["stdout"] == "2\n"
    assert await daemon.stop() == 0
    assert f"INFO interpreterd.daemon: listening on {path}" in daemon.log.decode()


async def test_is_its_users_alone_and_goes_with_the_daemon(start_daemon: Start, tmp_path: Path) -> None:
    daemon = await start_daemon("--unix-socket", "a.sock")
    found = os.stat(tmp_path / "a.sock")
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    await daemon.stop()
    assert os.listdir(tmp_path) == []


async def test_a_client_that_hangs_up_is_noticed(start_daemon: Start) -> None:
    """It is noticed as over TCP, although unix sockets have no option like TCP's."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    async with Client(daemon.url) as client, Client(daemon.url) as other:
        body = {"code": "print(1)\nwhile True: pass", "onDisconnect": "interrupt"}
        response = await client.http.post(client.base + "/execute", json=body, headers={"Accept": "text/event-stream"})
        await response.content.readline()
        response.close()
        result = await other.run("print(2)")
    assert result.stdout == "2\n"


async def test_does_not_replace_a_socket_that_is_in_use(start_daemon: Start, tmp_path: Path) -> None:
    daemon = await start_daemon("--unix-socket", "a.sock")
    second = await start_daemon("--unix-socket", "a.sock")
    assert await second.ended() == 1
    assert second.log.decode() == f"interpreterd: cannot listen on {tmp_path}/a.sock: it is in use\n"
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"


async def test_replaces_a_stale_socket(start_daemon: Start) -> None:
    daemon = await start_daemon("--unix-socket", "a.sock")
    os.kill(daemon.pid, signal.SIGKILL)
    await gone(daemon.pid)
    second = await start_daemon("--unix-socket", "a.sock")
    async with Client(second.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"


async def test_leaves_what_is_no_socket_and_what_is_not_its_own(start_daemon: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    path.write_text("mine")
    daemon = await start_daemon("--unix-socket", "a.sock")
    assert await daemon.ended() == 1
    assert path.read_text() == "mine"
    path.unlink()
    daemon = await start_daemon("--unix-socket", "a.sock")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        assert await daemon.stop() == 0
    assert path.is_socket()


async def test_says_why_it_cannot_listen(start_daemon: Start, tmp_path: Path) -> None:
    daemon = await start_daemon("--unix-socket", "nowhere/a.sock")
    assert await daemon.ended() == 1
    path = tmp_path / "nowhere/a.sock"
    assert daemon.log.decode() == f"interpreterd: cannot listen on {path}: No such file or directory\n"


async def test_refuses_pages_of_others(start_daemon: Start) -> None:
    """Such a request comes through a proxy. A unix socket has no port, so no page has its origin."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    async with Client(daemon.url) as client:
        for headers, expected in (
            ({}, 200),
            ({"Host": "localhost:8443", "Origin": "https://localhost:8443"}, 200),
            ({"Host": "localhost:8443", "Origin": "http://localhost"}, 403),
            ({"Host": "evil.example"}, 403),
        ):
            status, _ = await client.request("GET", "/contexts", headers=headers)
            assert (headers, status) == (headers, expected)


async def test_of_several_that_replace_one_at_once_one_wins(start_daemon: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "a.sock"))
    daemons = await asyncio.gather(*(start_daemon("--unix-socket", "a.sock") for _ in range(3)))
    (winner,) = [daemon for daemon in daemons if daemon.announced]
    for daemon in daemons:
        if daemon is not winner:
            assert await daemon.ended() == 1
            assert daemon.log.decode() == f"interpreterd: cannot listen on {tmp_path}/a.sock: it is in use\n"
    async with Client(winner.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"
    assert await winner.stop() == 0
    assert os.listdir(tmp_path) == []
