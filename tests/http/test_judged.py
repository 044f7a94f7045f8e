"""A client that is refused when it connects gets the reason on every route, in the form of the route's dialect."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.http.connections import Runner
from interpreterd.http.keys import JUDGE
from interpreterd.settings import Settings

REASON = "this process may not use the daemon"
NATIVE = {"error": REASON.capitalize(), "code": "forbidden"}
E2B = {"User-Agent": "e2b-python-sdk/2.0"}


class Judged:
    """A server, and what it has asked its judge."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.asked = 0
        self.reason: str | None = REASON

    def judge(self, sock: socket.socket) -> str | None:
        """Judge a connection."""
        assert sock.family == socket.AF_UNIX
        self.asked += 1
        return self.reason

    def client(self) -> aiohttp.ClientSession:
        """Return a new client, with connections of its own."""
        return aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(self.path))


@pytest.fixture
async def judged(tmp_path: Path) -> AsyncIterator[Judged]:
    """Yield a server that has a judge."""
    made = Judged(tmp_path / "socket")
    app = make_app(settings=Settings.of(cwd=str(tmp_path), base_path="/base"), launcher=FakeLauncher())
    app[JUDGE] = made.judge
    runner = Runner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, made.path).start()
    yield made
    await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/health", {}, NATIVE),
        ("GET", "/version", {}, NATIVE),
        ("GET", "/no/such/route", {}, NATIVE),
        ("PATCH", "/health", {}, NATIVE),
        ("POST", "/process/interpreter/context", {}, NATIVE),
        ("GET", "/base/process/interpreter/contexts", {}, NATIVE),
        ("GET", "/process/interpreter/context/x/files/a", {}, NATIVE),
        ("POST", "/process/interpreter/execute", {}, NATIVE),
        ("GET", "/api/kernels", {}, {"message": REASON, "reason": "Forbidden"}),
        ("POST", "/execute", E2B, REASON.capitalize()),
        ("POST", "/process.Process/Start", E2B, {"code": "permission_denied", "message": REASON}),
        ("GET", "/files?path=a", E2B, {"code": 403, "message": REASON}),
        ("POST", "/code", {"User-Agent": "OpenSandbox-Python"}, {"code": "FORBIDDEN", "message": REASON}),
    ],
)
async def test_every_route_tells_the_reason(
    judged: Judged, method: str, path: str, headers: dict[str, str], body: "dict[str, str] | str"
) -> None:
    async with judged.client() as client, client.request(method, path, headers=headers, json={}) as response:
        assert response.status == 403
        if isinstance(body, str):
            assert await response.text() == body
        else:
            assert body.items() <= (await response.json()).items()


@pytest.mark.parametrize(
    "path", ["/process/interpreter/execute", "/process/interpreter/session", "/api/kernels/x/channels"]
)
async def test_no_websocket_is_opened(judged: Judged, path: str) -> None:
    async with judged.client() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(path)
    assert refused.value.status == 403


async def test_a_connection_is_judged_once(judged: Judged) -> None:
    judged.reason = None
    async with judged.client() as client:
        for _ in range(3):
            async with client.get("/health") as response:
                assert response.status == 200
    assert judged.asked == 1
