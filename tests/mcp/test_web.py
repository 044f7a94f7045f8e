"""``mcp.web``: strangers are refused before anything else is looked at."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, STOP_LIMIT_S
from hosts import clean
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from interpreterd.mcp.web import Guarded, may_listen


async def asked(guarded: Guarded, **headers: str) -> tuple[int, Any]:
    """Return the answer to a request with ``headers``: a line stands for a dash in their names."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    await guarded({"type": "http", "headers": pairs}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'"inner"'})


HERE = ("127.0.0.1", "localhost", "::1")
TOKEN = "secret"
RIGHT = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:3988"}, 200),
        ({"host": "LocalHost"}, 200),
        ({"host": "[::1]:1"}, 200),
        ({"host": "127.0.0.1:3988", "origin": "http://localhost:5173"}, 200),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "evil.example:3988"}, 421),
        ({"host": "localhost@evil.example"}, 421),
        ({}, 421),
        ({"host": "[::1"}, 421),
        ({"host": "localhost", "origin": "http://evil.example"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
        ({"host": "localhost", "origin": "http://localhost.evil.example"}, 403),
    ],
)
async def test_host_and_origin_are_this_machines(headers: dict[str, str], status: int) -> None:
    answered, body = await asked(Guarded(inner, hosts=HERE, token=None), **headers)
    assert answered == status
    assert body == "inner" if status == 200 else "allow" in body["error"]["message"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("Bearer secret", 200),
        ("bearer  secret ", 200),
        ("Bearer wrong", 401),
        ("Bearer ", 401),
        ("Basic secret", 401),
        ("secret", 401),
        ("Bearer s\xe9cret", 401),
        (None, 401),
    ],
)
async def test_the_token_must_be_right(sent: str | None, status: int) -> None:
    headers = {"host": "anything"} | ({} if sent is None else {"authorization": sent})
    assert (await asked(Guarded(inner, hosts=None, token=TOKEN), **headers))[0] == status


@pytest.mark.parametrize(
    ("host", "token", "may"),
    [
        ("127.0.0.1", None, True),
        ("localhost", None, True),
        ("0.0.0.0", None, False),
        ("10.0.0.1", "", False),
        ("::", "t", True),
    ],
)
def test_other_machines_are_served_only_with_a_token(host: str, token: str | None, may: bool) -> None:
    assert may_listen(host, token) is may


async def test_with_a_token_a_host_on_another_machine_can_use_it(tmp_path: Path, url: str) -> None:
    """It listens on all addresses, and a request for any of them is taken."""
    command = [COMMAND, "mcp", "--http", "--host", "0.0.0.0", "--port", "0", "--url", url]
    process = subprocess.Popen(  # noqa: ASYNC220
        command, stdout=subprocess.PIPE, env=clean(INTERPRETERD_MCP_TOKEN=TOKEN), stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        at = f"http://127.0.0.2:{announced['port']}/mcp"
        async with create_mcp_http_client(headers=RIGHT) as http:
            async with Client(streamable_http_client(at, http_client=http)) as client:
                result = await client.call_tool("run_python", {"code": "6 * 7"})
                assert result.content[1].text == "42"
            async with create_mcp_http_client() as stranger:
                refused = await stranger.post(at, json={})
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None


def test_a_port_that_is_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [COMMAND, "mcp", "--http", "--local", "--port", port], capture_output=True, text=True, env=clean()
        )
    said = f"interpreterd: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", said)
