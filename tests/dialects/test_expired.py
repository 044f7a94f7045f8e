"""What clients of each API see of a context that expires."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher

from interpreterd.app import MANAGER, make_app
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
WHY = "it was idle for 600 s"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(aiohttp_client: Any, tmp_path: Path) -> Client:
    settings = Settings.of(cwd=str(tmp_path), idle_timeout=600.0)
    client: Client = await aiohttp_client(make_app(settings=settings, launcher=FakeLauncher()))
    return client


async def created(client: Client) -> str:
    async with client.post(PREFIX + "/context") as response:
        body = await response.json()
    assert body["limits"]["idleTimeoutSeconds"] == 600
    assert "expiresAt" in body
    return str(body["id"])


def expire(client: Client, context_id: str) -> None:
    """Let a context expire now."""
    manager = client.app[MANAGER]
    manager._expire(manager.existing(context_id), WHY)


async def test_native_followers_and_clients_are_told(client: Client) -> None:
    context = await created(client)
    async with (
        client.get(f"{PREFIX}/context/{context}/events", headers={"Accept": "application/x-ndjson"}) as lines,
        client.ws_connect(PREFIX + "/execute", autoclose=False) as socket,
        client.ws_connect(f"{PREFIX}/context/{context}/events", autoclose=False) as follower,
    ):
        await socket.send_json({"code": "1", "contextId": context})
        assert (await follower.receive_json())["type"] == "submitted"
        async with client.get(f"{PREFIX}/context/{context}") as response:
            assert "expiresAt" not in await response.json(), "it is in use"
        expire(client, context)
        events = [json.loads(line) async for line in lines.content]
        assert {"type": "expired", "why": WHY, "executionId": None} in [
            {key: value for key, value in it.items() if key != "seq"} for it in events
        ]
        last = [it async for it in follower][-1].json()
        assert last["type"] in ("expired", "control", "error", "workerEnded")
        said = await socket.receive_json()
        assert (said["name"], said["value"]) == ("ContextError", f"context expired: {context}: {WHY}")
        closed = await socket.receive()
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1001)
    async with client.get(f"{PREFIX}/context/{context}") as response:
        assert response.status == 404


async def test_a_kernel_is_dead_and_its_socket_closes(client: Client) -> None:
    context = await created(client)
    async with client.ws_connect(f"/api/kernels/{context}/channels?session_id=s", autoclose=False) as socket:
        expire(client, context)
        states = []
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            states.append(message.json()["content"].get("execution_state"))
    assert states[-1] == "dead"
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/execute", lambda it: {"code": "1", "context_id": it}),
        ("/code", lambda it: {"code": "1", "context": {"id": it, "language": "python"}}),
    ],
    ids=["e2b", "opensandbox"],
)
async def test_streams_of_other_apis_end_with_the_reason(client: Client, path: str, body: Any) -> None:
    context = await created(client)
    async with client.post(path, json=body(context)) as response:
        assert response.status == 200
        expire(client, context)
        text = await response.text()
    assert "context expired" in text
