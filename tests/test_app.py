"""The application over fake workers: what no user code can bring about."""

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
from interpreterd.pipe.messages import Failed
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]


@pytest.fixture
def launcher() -> FakeLauncher:
    """What the daemon under test starts workers with."""
    return FakeLauncher()


@pytest.fixture
def open_client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Open:
    """Start the application with some settings."""

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


async def test_version_names_the_interpreter(open_client: Open) -> None:
    client = await open_client()
    async with client.get("/version") as response:
        assert (await response.json())["worker"] == {"executable": "/usr/bin/python3", "python": "3.11.7"}


async def test_limits_are_told_with_a_time_to_come_back(open_client: Open) -> None:
    client = await open_client(max_contexts=1)
    async with client.post(PREFIX + "/context") as response:
        assert response.status == 200
    async with client.post(PREFIX + "/context") as response:
        assert response.status in (429, 503)
        assert int(response.headers["Retry-After"]) > 0
        assert "the limit is 1" in (await response.json())["error"]


async def test_an_execution(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with client.ws_connect(PREFIX + "/execute", autoclose=False) as socket:
        await socket.send_json({"code": "pass"})
        worker = await launcher.worker()
        run = await worker.run()
        worker.write("a")
        assert await socket.receive_json() == {"type": "stdout", "text": "a"}
        worker.done(run)
        assert await socket.receive_json() == {"type": "control", "text": "completed"}
        frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, 1000, "")


async def test_a_restart_that_fails(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with client.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({"code": "exit()"})
        worker = await launcher.worker()
        worker.exiting(await worker.run())
        assert await socket.receive_json() == {"type": "control", "text": "completed"}
    launcher.answer = Failed(reason="cannot enter its directory")
    async with client.ws_connect(PREFIX + "/execute", autoclose=False) as socket:
        await socket.send_json({"code": "pass"})
        reason = "failed to restart context: cannot enter its directory"
        expected = {"type": "error", "name": "ContextError", "value": reason, "traceback": ""}
        assert await socket.receive_json() == expected
        frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, 1011, reason)


async def test_a_client_that_does_not_read_makes_the_program_wait(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client(backlog_limit_bytes=1 << 16)
    async with client.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({"code": "pass"})
        worker = await launcher.worker()
        run = await worker.run()
        written = 0
        while worker.reading:  # until the sockets' buffers and the backlog are full
            worker.write("x" * (1 << 16))
            written += 1 << 16
            await asyncio.sleep(0)
        assert written < 1 << 26
        worker.done(run)
        read = 0
        async for message in socket:
            body = message.json()
            read += len(body["text"]) if body["type"] == "stdout" else 0
        assert read == written


async def test_a_client_that_goes_away_leaves_its_execution_running(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with client.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({"code": "x = 1"})
        worker = await launcher.worker()
        run = await worker.run()
    assert worker.calls.count("interrupt") == worker.calls.count("kill") == 0
    worker.done(run)
    async with client.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({"code": "x"})
        worker.done(await worker.run())
        assert await socket.receive_json() == {"type": "control", "text": "completed"}


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


async def test_a_client_that_waits_in_the_queue_is_told_of_its_interrupt(
    open_client: Open, launcher: FakeLauncher
) -> None:
    client = await open_client()
    context = client.app[MANAGER].get(None)
    async with open_socket(client) as first, open_socket(client) as second:
        await first.send_json({"code": "first"})
        worker = await launcher.worker()
        running = await worker.run()
        happened = context._transcript.feed.follow()
        await second.send_json({"code": "second"})
        _, submitted = await anext(happened)
        assert context.interrupt(submitted.execution_id) == "cancelled"
        error = {"type": "error", "name": "KeyboardInterrupt", "value": "", "traceback": ""}
        assert await second.receive_json() == error
        assert await second.receive_json() == {"type": "control", "text": "interrupted"}
        end = await second.receive()
        assert (end.type, end.data) == (aiohttp.WSMsgType.CLOSE, 1000)
        worker.done(running)
        assert await first.receive_json() == {"type": "control", "text": "completed"}


async def test_clients_are_told_of_a_restart(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    context = client.app[MANAGER].get(None)
    async with open_socket(client) as socket:
        await socket.send_json({"code": "first"})
        await (await launcher.worker()).run()
        await context.restart()
        error = {"type": "error", "name": "ContextError", "value": "context restarted: default", "traceback": ""}
        assert await socket.receive_json() == error
        end = await socket.receive()
        assert (end.type, end.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    assert context.info().active


def open_socket(client: Client) -> Any:
    """Open a WebSocket that leaves it to the test to see the close."""
    return client.ws_connect(PREFIX + "/execute", autoclose=False)
