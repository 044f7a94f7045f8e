"""Code in an isolated context cannot use the daemon that runs it, neither over its unix socket nor over its ports."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, Client, Daemon, Gate, gone
from leaving import holds
from standing import SharedDaemon

from interpreterd.contexts.peers import REFUSED

Standing = Callable[..., SharedDaemon]
REFUSAL = {"error": REFUSED[:1].upper() + REFUSED[1:], "code": "forbidden"}
# Asks the daemon at the unix socket ``path``; prints the status and the body of its answer.
ASK = """
import socket
def ask(path, head=b"GET /health HTTP/1.0\\r\\nHost: localhost\\r\\n"):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(head + b"\\r\\n")
        answer = b""
        while data := sock.recv(1 << 16):
            answer += data
    head, _, body = answer.partition(b"\\r\\n\\r\\n")
    print(head.split()[1].decode(), body.decode(), flush=True)
"""
UPGRADE = (
    "b'GET /process/interpreter/execute HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\n"
    "Connection: Upgrade, close\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n'"
)
BY_A_CHILD = "import os\nif not os.fork():\n    ask({path!r}); os._exit(0)\nos.wait()"
BY_AN_ORPHAN = """
import os
read, write = os.pipe()
parent = os.getpid()
if not os.fork():
    if not os.fork():
        os.setsid()
        while os.getppid() != parent:  # the worker adopts it
            os.sched_yield()
        ask({path!r})
    os._exit(0)
os.close(write)
os.wait()
os.read(read, 1)
"""


@pytest.fixture
def shared(standing: Standing) -> SharedDaemon:
    """Return a daemon on a unix socket."""
    return standing("--unix-socket", "a.sock")


def path_of(shared: SharedDaemon) -> str:
    return shared.url.removeprefix("unix:")


async def asked(client: Client, context: str, code: str) -> tuple[int, Any]:
    """Run ``code``, which asks the daemon; return status and body of the answer."""
    ran = await client.run(ASK + code, context)
    assert ran.error is None, ran
    status, _, body = ran.stdout.partition(" ")
    return int(status), json.loads(body)


@pytest.mark.parametrize("profile", ["standard"])
@pytest.mark.parametrize(
    "code",
    ["ask({path!r})", "ask({path!r}, " + UPGRADE + ")", BY_A_CHILD, BY_AN_ORPHAN],
    ids=["itself", "a WebSocket", "a child", "an orphan"],
)
async def test_its_processes_are_refused(shared: SharedDaemon, profile: str, code: str) -> None:
    async with Client(shared.url) as client:
        context = await client.create(isolation=profile)
        assert await asked(client, context, code.format(path=path_of(shared))) == (403, REFUSAL)
        assert (await client.request("GET", "/contexts"))[0] == 200


async def test_another_program_that_it_starts_is_refused(shared: SharedDaemon) -> None:
    program = ASK + f"ask({path_of(shared)!r})"
    code = f"import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', {program!r}], text=True))"
    async with Client(shared.url) as client:
        context = await client.create(isolation="standard")
        assert await asked(client, context, code) == (403, REFUSAL)


async def test_code_without_isolation_may_go_on_as_before(shared: SharedDaemon) -> None:
    async with Client(shared.url) as client:
        await client.create(isolation="standard")
        context = await client.create()
        for code in ("ask({path!r})", BY_A_CHILD):
            status, body = await asked(client, context, code.format(path=path_of(shared)))
            assert (status, body["status"]) == (200, "ok")


async def test_code_of_a_daemon_that_is_replaced_is_refused_by_the_new_one(
    start_daemon: Callable[..., Awaitable[Daemon]], gate: Gate, tmp_path: Path
) -> None:
    """Its contexts go on until their code has ended; they are no descendants of the new daemon."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    path = daemon.url.removeprefix("unix:")
    code = f"{ASK}print('runs', flush=True)\n{gate.wait}\nask({path!r})"
    isolation = {"profile": "standard", "readPaths": [str(tmp_path)]}
    async with Client(daemon.url) as client:
        context = await client.create(isolation=isolation)
        async with client.running(code, contextId=context) as running:
            await running.until("runs")
            os.kill(daemon.pid, signal.SIGUSR2)
            await holds(lambda: b"accepts connections now" in daemon.log)
            (successor,) = re.findall(rb"process (\d+) accepts connections now", daemon.log)
            try:
                gate.open()
                assert (await running.finish()).stdout.split()[:2] == ["runs", "403"]
                async with Client(daemon.url) as other:
                    assert (await other.request("GET", "/contexts"))[0] == 200
            finally:
                os.kill(int(successor), signal.SIGTERM)
                await gone(int(successor))


async def test_a_port_of_the_daemon_is_no_port_for_a_context(standing: Standing) -> None:
    daemon = standing()
    port = int(daemon.url.rpartition(":")[2])
    wish = {"profile": "standard", "network": "ports", "ports": [443, port]}
    async with Client(daemon.url) as client:
        status, body = await client.request("POST", "/context", json={"isolation": wish})
    assert (status, body["code"]) == (400, "invalid_request")
    assert body["error"] == f"isolation.ports must not have {port}, which is a port of this daemon"


async def test_a_port_of_the_daemon_is_left_out_of_the_usual_ports(
    start_daemon: Callable[..., Awaitable[Daemon]],
) -> None:
    """It is known only once the daemon listens: --port 0."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = await start_daemon("--isolation", "standard", "--isolation-ports", f"443,{port}")
    assert daemon.announced, daemon.log
    ports = [443, port] if int(daemon.announced["port"]) != port else [443]
    async with Client(daemon.url) as client:
        _, body = await client.request("POST", "/context", json={})
        assert body["isolation"]["ports"] == ports
        # The kernel's answer to code that tries, as itself.
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {daemon.announced['port']}))"
        ran = await client.run(code, body["id"])
    assert ran.error is not None
    assert ran.error["name"] == "PermissionError"


@pytest.mark.parametrize("flags", [("--port", "8123"), ("--port", "0", "--also-listen", "[::1]:9,127.0.0.1:8123")])
def test_a_port_of_the_daemon_among_those_for_contexts_is_a_mistake(flags: tuple[str, ...]) -> None:
    command = [COMMAND, "serve", *flags, "--isolation-ports", "443,8123"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == (
        "interpreterd serve: error: argument --isolation-ports: must not have 8123, on which the daemon itself "
        "listens. See `interpreterd serve --help`.\n"
    )
