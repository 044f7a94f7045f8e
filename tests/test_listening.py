"""Where the daemon listens: several addresses, TLS at ports, sockets that systemd passes; SIGHUP."""

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from certificates import Authority
from harness import COMMAND, PREFIX, Client, Daemon, Gate
from leaving import logged

Start = Callable[..., Awaitable[Daemon]]
# Does what systemd does: passes a socket as descriptor 3, to this process.
ACTIVATE = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX if "/" in sys.argv[1] else socket.AF_INET, int(sys.argv[2]))
sock.bind(sys.argv[1] if "/" in sys.argv[1] else (sys.argv[1], 0))
if int(sys.argv[2]) == socket.SOCK_STREAM:
    sock.listen()
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[3], [*sys.argv[3:4], "serve", *sys.argv[7:]])
"""


def secured(url: str, context: ssl.SSLContext) -> Client:
    """Return a client that trusts only ``context``; enter it before use."""
    client = Client(url)
    client.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
    return client


async def test_every_listen_adds_an_address_of_the_same_daemon(start_daemon: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    daemon = await start_daemon("--listen", f"127.0.0.1:0,[::1]:0, unix:{path}", "--listen", "127.0.0.1:0")
    ports = [int(port) for port in await logged(daemon, rb"port (\d+)", 4)]
    assert ports[0] == daemon.announced["port"]
    async with Client(daemon.url) as client:
        await client.run("x = 6")
    hosts = ("127.0.0.1", "127.0.0.1", "[::1]", "127.0.0.1")
    for url in (f"unix:{path}", *(f"http://{host}:{port}" for host, port in zip(hosts, ports, strict=True))):
        async with Client(url) as client:
            assert (await client.run("print(x)")).stdout == "6\n"
    assert await daemon.stop() == 0
    assert not path.exists()


async def test_listen_alone_leaves_the_default_port_alone(tmp_path: Path, start_daemon: Start) -> None:
    shell = ["sh", "-c", 'program=$1; shift 4; exec "$program" serve "$@"', "sh", str(COMMAND)]  # without --port 0
    daemon = await start_daemon("--listen", f"unix:{tmp_path}/a", "--listen", "127.0.0.1:0", command=shell)
    assert daemon.announced == {"url": f"unix:{tmp_path}/a", "port": None, "pid": daemon.pid}
    assert await daemon.stop() == 0
    assert daemon.log.count(b"listening on") == 2


async def test_an_address_of_listen_in_use_is_one_clear_line(start_daemon: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon = await start_daemon("--listen", address)
        assert await daemon.ended() == 1
    assert daemon.log.decode() == f"interpreterd: cannot listen on {address}: it is in use\n"


async def test_tls_at_the_port_and_none_at_the_socket(start_daemon: Start, tmp_path: Path) -> None:
    """All kinds of requests work; a client that leaves is noticed; an old TLS, or none, is refused."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("a")
    daemon = await start_daemon("--tls-cert", cert, "--tls-key", key, "--listen", f"unix:{tmp_path}/a.sock")
    port = daemon.announced["port"]
    assert daemon.url == f"https://127.0.0.1:{port}"
    async with Client(f"unix:{tmp_path}/a.sock") as plain:
        await plain.run("x = 6")
    async with secured(daemon.url, authority.client_context()).http as http:
        client = Client(daemon.url)
        client.http = http
        assert (await client.run("print(x)")).stdout == "6\n"
        large = await client.run("print('y' * 5_000_000)")
        assert len(large.stdout) == 5_000_001
        _, body = await client.request("POST", "/execute", json={"code": "print(7)"})
        assert body["stdout"] == "7\n"
        body = {"code": "print(1)\nwhile True: pass", "onDisconnect": "interrupt"}
        response = await http.post(client.base + "/execute", json=body, headers={"Accept": "text/event-stream"})
        await response.content.readline()
        response.close()
        assert (await client.run("print(2)")).stdout == "2\n"
        async with client.connect() as refused:
            await refused.send_str("[]")
            assert (await refused.receive()).type is aiohttp.WSMsgType.CLOSE
            assert refused.close_code == 1002
    old = authority.client_context()
    with warnings.catch_warnings():  # at least it can still be asked for
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    for bad in (old, ssl.create_default_context()):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=bad)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"http://127.0.0.1:{port}/health")
    assert await daemon.stop() == 0
    assert b"Traceback" not in daemon.log


async def certificate(port: int, context: ssl.SSLContext) -> bytes:
    """Return the daemon's certificate."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    await writer.wait_closed()
    return shown


async def test_certificates_are_read_again_and_no_connection_is_dropped(
    start_daemon: Start, tmp_path: Path, gate: Gate
) -> None:
    """A file that cannot be used changes nothing. Clients need a certificate, and a new authority replaces the old."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("a")
    (tmp_path / "clients").mkdir()
    clients = Authority(tmp_path / "clients")
    daemon = await start_daemon("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", clients.ca)
    port = daemon.announced["port"]
    context = authority.client_context(*clients.issue("c"))
    first = await certificate(port, context)
    stranger = secured(daemon.url, authority.client_context())
    async with stranger.http as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{daemon.url}/health")
    client = secured(daemon.url, context)
    async with client.http, client.running(f"print(1)\n{gate.wait}\nprint('still here')") as running:
        await running.until("1")
        shutil.copy(COMMAND, cert)
        daemon.process.send_signal(signal.SIGHUP)
        await logged(daemon, rb"the certificates stay as they were: there is no usable certificate")
        assert await certificate(port, context) == first
        authority.issue("a")
        (tmp_path / "others").mkdir()
        others = Authority(tmp_path / "others")
        shutil.copy(others.ca, clients.ca)
        daemon.process.send_signal(signal.SIGHUP)
        await logged(daemon, rb"the certificates have been read again")
        assert await certificate(port, authority.client_context(*others.issue("c"))) != first
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as old:
            with pytest.raises(aiohttp.ClientError):
                await old.get(f"{daemon.url}/health")
        gate.open()
        result = await running.finish()
    assert "still here" in result.stdout
    assert await daemon.stop() == 0


@pytest.mark.parametrize("kind", ["port", "path"])
async def test_a_socket_of_systemd_replaces_the_default_address(start_daemon: Start, tmp_path: Path, kind: str) -> None:
    """It is not removed at the end: it is systemd's. Code that runs gets neither its descriptor nor the variables."""
    at = "127.0.0.1" if kind == "port" else str(tmp_path / "a.sock")
    command = [sys.executable, "-c", ACTIVATE, at, str(socket.SOCK_STREAM.value), str(COMMAND)]
    daemon = await start_daemon(command=command)
    port = daemon.announced["port"]
    assert daemon.url == (f"http://127.0.0.1:{port}" if kind == "port" else f"unix:{at}")
    async with Client(daemon.url) as client:
        code = "import os; print([n for n in os.environ if n.startswith(('LISTEN_', 'NOTIFY_', 'WATCHDOG_'))])"
        assert (await client.run(code)).stdout == "[]\n"
    assert await daemon.stop() == 0
    assert kind == "port" or os.listdir(tmp_path) == ["a.sock"]


async def test_a_passed_socket_that_does_not_listen_is_one_clear_line(start_daemon: Start) -> None:
    command = [sys.executable, "-c", ACTIVATE, "127.0.0.1", str(socket.SOCK_DGRAM.value), str(COMMAND)]
    daemon = await start_daemon(command=command)
    assert await daemon.ended() == 1
    told = "interpreterd: cannot listen on the passed socket web: it must be a stream socket that listens\n"
    assert daemon.log.decode() == told


def test_a_certificate_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'# TLS\ntls-cert = "{tmp_path}/missing"\n')
    ran = subprocess.run([COMMAND, "serve", "--config", path], capture_output=True, text=True, env={**os.environ})
    assert ran.returncode == 2
    assert ran.stderr == (
        f"interpreterd serve: error: {path}, line 2: tls-cert: cannot read {tmp_path}/missing: No such file or "
        "directory. See `interpreterd serve --help`.\n"
    )


async def test_what_a_trusted_proxy_says_is_in_the_audit_log(start_daemon: Start, tmp_path: Path) -> None:
    """By the PROXY protocol at a port, and by a header at a unix socket; that of any other client does not count."""
    audit = tmp_path / "audit"
    flags = ("--audit-log", str(audit), "--trusted-proxy", "unix", "--trusted-proxy", "127.0.0.2")
    daemon = await start_daemon(*flags, "--listen", f"unix:{tmp_path}/a.sock")
    body = b'{"code": "1"}'
    head = f"POST {PREFIX}/execute HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    told = f"{head}X-Forwarded-For: 192.0.2.9\r\n\r\n".encode() + body
    proxied = f"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n{head}\r\n".encode() + body
    port = daemon.announced["port"]
    for opening, request in (
        (asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)), proxied),
        (asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.3", 0)), told),
        (asyncio.open_unix_connection(str(tmp_path / "a.sock")), told),
    ):
        reader, writer = await opening
        writer.write(request)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()
    assert await daemon.stop() == 0
    records = map(json.loads, (await asyncio.to_thread(audit.read_text)).splitlines())
    addresses = [record["address"] for record in records if record["event"] == "execution.ended"]
    assert addresses == ["192.0.2.1", "127.0.0.3", "192.0.2.9"]
