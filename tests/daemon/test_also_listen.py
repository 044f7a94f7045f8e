"""``--also-listen``: further addresses, for clients that insist on a port."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from harness import PREFIX, Client, Daemon

Start = Callable[..., Awaitable[Daemon]]
WAITS = "print(1, flush=True); import threading; threading.Event().wait()"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_all_addresses_lead_to_the_same_contexts(start_daemon: Start, tmp_path: Path) -> None:
    """The flag may be repeated, and be a list; the first line tells of the main address alone, as without it."""
    one, two, three = free_port(), free_port(), free_port()
    path = tmp_path / "too.sock"
    flags = ("--also-listen", f"127.0.0.1:{one},127.0.0.1:{two}", "--also-listen", f"unix:{path}")
    daemon = await start_daemon(*flags, "--also-listen", f"[::1]:{three}")
    assert set(daemon.announced) == {"url", "port", "pid"}
    assert daemon.url == f"http://127.0.0.1:{daemon.announced['port']}"
    async with Client(daemon.url) as client:
        await client.run("x = 6")
    for url in (f"http://127.0.0.1:{one}", f"http://127.0.0.1:{two}", f"http://[::1]:{three}"):
        async with Client(url) as client:
            assert (await client.run("print(x)")).stdout == "6\n"
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector) as session, session.get("http://localhost/health") as told:
        assert told.status == 200
    assert await daemon.stop() == 0
    assert not path.exists()


async def test_a_list_is_in_the_variable(start_daemon: Start) -> None:
    one, two = free_port(), free_port()
    daemon = await start_daemon(env={"INTERPRETERD_ALSO_LISTEN": f"127.0.0.1:{one}, localhost:{two}"})
    for port in (one, two):
        async with Client(f"http://127.0.0.1:{port}") as client:
            assert (await client.request("GET", "/contexts"))[0] == 200
    assert await daemon.stop() == 0


@pytest.mark.parametrize("kind", ["port", "path", "itself"])
async def test_an_address_in_use_is_one_clear_line(start_daemon: Start, tmp_path: Path, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(socket.AF_UNIX) as socket_taken:
        socket_taken.bind(str(tmp_path / "a.sock"))
        socket_taken.listen()
        port = taken.getsockname()[1]
        again = free_port()
        address = {
            "port": f"127.0.0.1:{port}",
            "path": f"unix:{tmp_path}/a.sock",
            "itself": f"127.0.0.1:{again},127.0.0.1:{again}",
        }[kind]
        daemon = await start_daemon("--also-listen", address)
        assert await daemon.ended() == 1
    assert daemon.log.decode() == f"interpreterd: cannot listen on {address.split(',')[0]} as well: it is in use\n"
    assert daemon.announced == {}


async def test_an_address_that_is_none_is_one_clear_line(start_daemon: Start) -> None:
    daemon = await start_daemon("--also-listen", "49999")
    assert await daemon.ended() == 2
    assert daemon.log.decode() == (
        "interpreterd serve: error: argument --also-listen: must be HOST:PORT, with a port from 1 to 65535, or "
        "unix:PATH. See `interpreterd serve --help`.\n"
    )


async def test_hosts_and_origins_of_every_address_are_the_daemons_own(start_daemon: Start) -> None:
    """A page of one of its ports is its own at this port, not at another one."""
    port = free_port()
    daemon = await start_daemon("--also-listen", f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}{PREFIX}/contexts"
    async with aiohttp.ClientSession() as session:
        for headers, status in (
            ({"Host": f"localhost:{port}"}, 200),
            ({"Origin": f"http://localhost:{port}"}, 200),
            ({"Host": f"evil.example:{port}"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": f"http://localhost:{daemon.announced['port']}"}, 403),
        ):
            async with session.get(url, headers=headers) as response:
                assert response.status == status, headers


async def test_running_code_of_every_address_is_told_of_the_end(start_daemon: Start) -> None:
    port = free_port()
    daemon = await start_daemon("--also-listen", f"127.0.0.1:{port}")
    async with Client(f"http://127.0.0.1:{port}") as client, client.running(WAITS) as running:
        await running.until("1")
        daemon.process.terminate()
        result = await running.finish()
    assert result.close_code == 1001
    assert await daemon.ended() == 0
