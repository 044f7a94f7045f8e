"""The digest of submitted code. It is the same in one piece or many; long code is digested in a thread."""

import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.contexts import sources
from interpreterd.contexts.sources import FIRST_LINE_WITHIN_CHARS, first_line
from interpreterd.model import digest
from interpreterd.model.digest import SHORT_CHARS, Digest
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
LONG = "#" + "é" * SHORT_CHARS
SHA256 = hashlib.sha256(LONG.encode()).hexdigest()
PIECE = digest._PIECE_CHARS
CODES = ["", "pass", "é", "x" * PIECE, "x" * (PIECE + 1), "x" + "\U0001f600" * 2 * PIECE, "\ud800" * (PIECE + 1)]
Send = Callable[[TestClient[web.Request, web.Application], dict[str, Any]], Awaitable[None]]


@pytest.mark.parametrize("code", CODES, ids=lambda code: f"{len(code)} of {code[-1:]!a}")
def test_it_is_that_of_the_whole(code: str) -> None:
    data = code.encode(errors="surrogatepass")
    assert digest.digest(code) == Digest(len(data), hashlib.sha256(data).hexdigest())


@pytest.fixture
async def client(
    aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> TestClient[web.Request, web.Application]:
    """Return a client of an application that fails if it digests long code on the event loop's thread."""

    def refuse(code: str) -> Digest:
        raise AssertionError("long code is looked at on the event loop's thread")

    monkeypatch.setattr(sources, "digest", refuse)
    settings = Settings.of(cwd=str(tmp_path), code_limit_bytes=len(LONG.encode()))
    client: TestClient[web.Request, web.Application] = await aiohttp_client(
        make_app(settings=settings, launcher=FakeLauncher())
    )
    return client


async def over_http(client: TestClient[web.Request, web.Application], request: dict[str, Any]) -> None:
    body = io.BytesIO(json.dumps({**request, "background": True}).encode())
    async with client.post(PREFIX + "/execute", data=body) as response:
        assert response.status == (202 if request["code"] == LONG else 400)


async def over_a_websocket(client: TestClient[web.Request, web.Application], request: dict[str, Any]) -> None:
    async with client.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({**request, "events": "v2"})
        await socket.receive()


async def over_a_session(client: TestClient[web.Request, web.Application], request: dict[str, Any]) -> None:
    async with client.ws_connect(PREFIX + "/session") as socket:
        await socket.send_json({**request, "op": "execute", "requestId": "a"})
        await socket.receive_json()


@pytest.mark.parametrize("send", [over_http, over_a_websocket, over_a_session])
async def test_long_code_is_looked_at_in_a_thread_only(
    client: TestClient[web.Request, web.Application], send: Send
) -> None:
    await send(client, {"code": LONG})
    await send(client, {"code": LONG + "x"})  # one byte over the limit
    async with client.get(PREFIX + "/context/default/executions") as response:
        (shown,) = (await response.json())["executions"]
    assert shown["codeSha256"] == SHA256


def test_the_first_line_is_not_looked_for_without_end() -> None:
    within = FIRST_LINE_WITHIN_CHARS
    assert first_line("\n" * (within - 1) + "x") == "x"
    assert first_line("\n" * within + "x") == ""
