"""Servers of isolated contexts: each context reaches its own, as without isolation, and none of others."""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from harness import COMMAND, Client, Daemon
from standing import SharedDaemon

Standing = Callable[..., SharedDaemon]
# ``attempt(port)`` returns the name of the error of a connection to it, or None.
ATTEMPT = """
import socket
def attempt(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port)).close()
    except OSError as error:
        return type(error).__name__
"""
ASYNCIO = """
import asyncio
async def handle(reader, writer):
    writer.write(await reader.readline())
    writer.close()
async def ask(host):
    async with await asyncio.start_server(handle, host, 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"line\\n")
        print((await reader.read()).decode(), end="")
        writer.close()
await ask("127.0.0.1")
await ask("::1")
await asyncio.gather(*[ask("localhost") for _ in range(20)])
"""
HTTP_IN_A_CHILD = """
import subprocess, sys, time, urllib.request
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
server = subprocess.Popen([sys.executable, "-m", "http.server", str(port)], stdout=-3, stderr=-3)
while True:
    try:
        print(urllib.request.urlopen(f"http://localhost:{port}/").status)
        break
    except OSError as error:
        assert isinstance(error.reason, ConnectionRefusedError), error
        time.sleep(0.05)
server.kill()
server.wait()
"""
UVICORN = """
import threading, time, urllib.request, uvicorn
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    time.sleep(0.01)
port = server.servers[0].sockets[0].getsockname()[1]
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode())
server.should_exit = True
thread.join()
"""
WSGI = """
import threading, urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server
class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"wsgi"]
with make_server("", 0, app, handler_class=Quiet) as server:
    threading.Thread(target=server.serve_forever).start()
    print(urllib.request.urlopen(f"http://0.0.0.0:{server.server_port}/").read().decode())
    server.shutdown()
"""
MANAGER = """
from multiprocessing.managers import BaseManager
class Manager(BaseManager):
    pass
Manager.register("table", dict)
with Manager(("127.0.0.1", 0), b"key") as manager:
    table = manager.table()
    table.update(a=1)
    print(table)
"""


@pytest.fixture
def shared(standing: Standing) -> SharedDaemon:
    """Return a daemon that isolates. The Python of its contexts has what the tests have."""
    return standing("--isolation", "standard", "--python", sys.executable)


@pytest.fixture
async def isolated(shared: SharedDaemon) -> AsyncIterator[Client]:
    async with Client(shared.url) as client:
        yield client


async def a_context(client: Client, place: Path) -> str:
    await asyncio.to_thread(place.mkdir)
    return await client.create(cwd=str(place))


async def printed(client: Client, context: str, code: str) -> str:
    ran = await client.run(ATTEMPT + code, context)
    assert (ran.error, ran.stderr) == (None, "")
    return ran.stdout


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(ASYNCIO, "line\n" * 22, id="asyncio"),
        pytest.param(HTTP_IN_A_CHILD, "200\n", id="http.server in a child"),
        pytest.param(UVICORN, "asgi\n", id="uvicorn"),
        pytest.param(WSGI, "wsgi\n", id="wsgiref"),
        pytest.param(MANAGER, "{'a': 1}\n", id="multiprocessing"),
    ],
)
async def test_a_context_reaches_its_own_servers(isolated: Client, code: str, expected: str, tmp_path: Path) -> None:
    context = await a_context(isolated, tmp_path / "own")
    _, body = await isolated.request("GET", f"/context/{context}")
    assert "loopback" in body["isolation"]["layers"]
    assert await printed(isolated, context, code) == expected


async def test_a_strict_context_with_ports_reaches_its_own_servers(isolated: Client, tmp_path: Path) -> None:
    """It may be in a pid namespace: the daemon knows its processes by other numbers."""
    isolation = {"profile": "strict", "network": "ports", "ports": [443]}
    context = await isolated.create(cwd=str(tmp_path), isolation=isolation)
    assert await printed(isolated, context, MANAGER) == "{'a': 1}\n"


async def test_no_context_reaches_the_daemon_or_a_server_of_another_process(isolated: Client, tmp_path: Path) -> None:
    context = await a_context(isolated, tmp_path / "own")
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        daemon, others = int(isolated.url.rpartition(":")[2]), other.getsockname()[1]
        for port in (daemon, others):
            code = f"print(attempt({port}), attempt({port}, 'localhost'), attempt({port}, '0.0.0.0'))"
            assert await printed(isolated, context, code) == "PermissionError PermissionError PermissionError\n"
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_no_context_reaches_a_server_of_another(isolated: Client, tmp_path: Path) -> None:
    """Nor does a context's own server stay reachable for others, or for itself, when it has been restarted."""
    first, second = [await a_context(isolated, tmp_path / name) for name in ("first", "second")]
    code = "server = socket.create_server(('127.0.0.1', 0))\nprint(server.getsockname()[1])"
    port = int(await printed(isolated, first, code))
    assert await printed(isolated, first, f"print(attempt({port}))") == "None\n"
    assert await printed(isolated, second, f"print(attempt({port}))") == "PermissionError\n"
    await isolated.request("POST", f"/context/{first}/restart")
    assert await printed(isolated, first, f"print(attempt({port}))") == "ConnectionRefusedError\n"
    assert await printed(isolated, first, code + "\nprint(attempt(server.getsockname()[1]))") != ""


async def test_no_data_opens_a_connection_of_itself(isolated: Client, tmp_path: Path) -> None:
    """TCP Fast Open, tcp(7): sendto(2), sendmsg(2) and sendmmsg(2) could connect, and Landlock looks at connect(2)."""
    context = await a_context(isolated, tmp_path / "own")
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        code = f"""
import ctypes, errno, os
name, flag = {other.getsockname()!r}, 0x20000000
answers = []
for call in (lambda one: one.sendto(b"x", flag, name), lambda one: one.sendmsg([b"x"], [], flag, name)):
    with socket.socket() as one:
        try:
            call(one)
            answers.append("sent")
        except OSError as error:
            answers.append(errno.errorcode[error.errno])
address = bytes([2, 0]) + name[1].to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
data = ctypes.create_string_buffer(b"x")
vector = (ctypes.c_uint64 * 2)(ctypes.addressof(data), 1)
kept = ctypes.create_string_buffer(address)
message = (ctypes.c_uint64 * 8)(ctypes.addressof(kept), 16, ctypes.addressof(vector), 1, 0, 0, 0, 0)
libc = ctypes.CDLL(None, use_errno=True)
with socket.socket() as one:
    libc.sendmmsg(one.fileno(), message, 1, flag)
    answers.append(errno.errorcode.get(ctypes.get_errno()))
print(*answers)
"""
        assert await printed(isolated, context, code) == "EPERM EPERM EPERM\n"
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_an_interrupt_ends_a_call_that_waits_for_its_answer(isolated: Client, tmp_path: Path) -> None:
    context = await a_context(isolated, tmp_path / "own")
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=0)
first = socket.create_connection(server.getsockname())
print("waiting", flush=True)
socket.create_connection(server.getsockname())
"""
    async with isolated.running(code, contextId=context) as running:
        await running.until("waiting")
        await isolated.request("POST", f"/context/{context}/interrupt")
        result = await running.finish()
    assert result.error is not None
    assert result.error["name"] == "KeyboardInterrupt"


def listeners(shared: SharedDaemon) -> int:
    """Return how many listeners for system calls the daemon has open."""
    links = []
    for name in os.listdir(f"/proc/{shared.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{shared.pid}/fd/{name}"))
    return links.count("anon_inode:seccomp notify")


async def test_a_context_takes_one_more_descriptor_of_the_daemons_until_it_ends(
    shared: SharedDaemon, isolated: Client, tmp_path: Path
) -> None:
    contexts = await asyncio.gather(*[a_context(isolated, tmp_path / str(number)) for number in range(4)])
    assert listeners(shared) == 4
    await isolated.request("POST", f"/context/{contexts[0]}/restart")
    assert await printed(isolated, contexts[0], "print(attempt(1))") == "PermissionError\n"
    assert listeners(shared) == 4
    for context in contexts:
        await isolated.request("DELETE", f"/context/{context}")
    assert listeners(shared) == 0


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can have fewer privileges")
async def test_a_daemon_in_a_container_connects_contexts_with_users_of_their_own(
    start_daemon: Callable[..., Awaitable[Daemon]], tmp_path: Path
) -> None:
    """There, root may not look into processes of other users."""
    without = ["setpriv", "--bounding-set", "-sys_ptrace", str(COMMAND)]
    daemon = await start_daemon("--isolation", "standard", "--isolation-uids", "200000-200009", command=without)
    code = """
import os
server = socket.create_server(("127.0.0.1", 0))
print(os.getuid() >= 200000, attempt(server.getsockname()[1]))
"""
    async with Client(daemon.url) as client:
        context = await a_context(client, tmp_path / "own")
        assert await printed(client, context, code) == "True None\n"
