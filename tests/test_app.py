"""The application over fake workers, in situations that user code cannot cause."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher

from interpreterd.app import MANAGER, make_app
from interpreterd.contexts.manager import Manager
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture
def open_client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Open:
    """Return a function that starts the application with some settings."""

    async def start(**settings: Any) -> Client:
        client: Client = await aiohttp_client(
            make_app(settings=Settings.of(cwd=str(tmp_path), **settings), launcher=launcher)
        )
        return client

    return start


async def test_a_mistake_in_a_handler_is_json_and_tells_nothing(
    open_client: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **keys: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Manager, "list", fail)
    client = await open_client()
    async with client.get(PREFIX + "/contexts") as response:
        assert response.status == 500
        assert response.content_type == "application/json"
        text = await response.text()
        assert (await response.json())["code"] == "internal_error"
    assert "secret" not in text
    assert "Traceback" not in text
    assert "secret" in caplog.text


async def test_a_worker_that_cannot_start_is_the_daemons_fault(open_client: Open, launcher: FakeLauncher) -> None:
    launcher.failure = WorkerStartFailed("python3 not found")
    client = await open_client()
    async with client.post(PREFIX + "/context") as response:
        assert response.status == 500
        body = await response.json()
    assert body["code"] == "worker_start_failed"
    assert "python3 not found" in body["error"]
    async with client.get(PREFIX + "/contexts") as response:
        assert await response.json() == {"contexts": []}
    async with client.get("/version") as response:
        assert response.status == 200
        assert (await response.json())["worker"] == {"error": "python3 not found"}


async def test_limits_are_told_with_a_time_to_come_back(open_client: Open) -> None:
    client = await open_client(max_contexts=1)
    async with client.post(PREFIX + "/context") as response:
        assert response.status == 200
    async with client.post(PREFIX + "/context") as response:
        assert response.status in (429, 503)
        assert int(response.headers["Retry-After"]) > 0
        assert "the limit is 1" in (await response.json())["error"]


async def test_the_end_of_the_daemon_is_told(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with client.ws_connect(PREFIX + "/execute", autoclose=False) as socket:
        await socket.send_json({"code": "pass"})
        worker = await launcher.worker()
        await worker.run()
        closing = asyncio.create_task(client.server.close())
        assert (await socket.receive_json())["value"] == "server is shutting down"
        frame = await socket.receive()
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        await socket.close()
        await closing
    assert worker.exited


async def test_the_end_of_the_daemon_while_a_context_is_created(open_client: Open, launcher: FakeLauncher) -> None:
    launcher.gate.clear()
    client = await open_client()
    async with asyncio.TaskGroup() as tasks:
        posting = tasks.create_task(client.post(PREFIX + "/context"))
        await launcher.asked.wait()
        await client.app[MANAGER].close()
        response = await posting
    assert response.status == 503
    assert (await response.json())["code"] == "shutting_down"
