"""A client disconnects: its execution goes on or is interrupted, as the client asked. Fake workers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher, FakeWorker
from following import reset
from leaving import comes

from interpreterd.app import make_app
from interpreterd.pipe.messages import Run
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]
Start = Callable[[Client, dict[str, Any]], Any]
SILENCE_S = 0.3


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture
def open_client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Open:
    """Return a function that starts the application with some settings."""

    async def start(**settings: Any) -> Client:
        app = make_app(settings=Settings.of(cwd=str(tmp_path), **settings), launcher=launcher)
        client: Client = await aiohttp_client(app)
        return client

    return start


@pytest.fixture
async def client(open_client: Open) -> Client:
    """Return a client of an application with the default settings."""
    return await open_client()


def _post(accept: str) -> Start:
    @contextlib.asynccontextmanager
    async def start(client: Client, wish: dict[str, Any]) -> AsyncIterator[Any]:
        _, writer = await asyncio.open_connection(client.host, client.port)
        body = json.dumps(wish)
        head = f"POST {PREFIX}/execute HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        yield writer
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    return start


@contextlib.asynccontextmanager
async def _execute(client: Client, wish: dict[str, Any]) -> AsyncIterator[Any]:
    async with client.ws_connect(PREFIX + "/execute", autoping=False) as socket:
        await socket.send_json(wish)
        yield socket._response.connection


@contextlib.asynccontextmanager
async def _session(client: Client, wish: dict[str, Any]) -> AsyncIterator[Any]:
    async with client.ws_connect(PREFIX + "/session", autoping=False) as socket:
        await socket.send_json({"op": "execute", "requestId": "a", **wish})
        yield socket._response.connection


HTTP = {"json": _post("application/json"), "ndjson": _post("application/x-ndjson"), "sse": _post("text/event-stream")}
SOCKETS: dict[str, Start] = {"execute": _execute, "session": _session}
EVERYWHERE = pytest.mark.parametrize("start", (HTTP | SOCKETS).values(), ids=HTTP | SOCKETS)


def close(connection: Any) -> None:
    connection.transport.close()


ENDS = pytest.mark.parametrize("end", [close, reset])


async def state(client: Client, number: int = 0) -> str:
    """Return the state of the default context's execution at index ``number``."""
    async with client.get(PREFIX + "/context/default/executions") as response:
        return str((await response.json())["executions"][number]["state"])


async def begun(launcher: FakeLauncher) -> tuple[FakeWorker, Run]:
    worker = await launcher.worker()
    return worker, await worker.run()


@EVERYWHERE
@ENDS
async def test_an_execution_is_interrupted_if_its_client_wants_it_so(
    client: Client, launcher: FakeLauncher, start: Start, end: Callable[[Any], None]
) -> None:
    async with start(client, {"code": "pass", "onDisconnect": "interrupt"}) as connection:
        worker, _ = await begun(launcher)
        end(connection)
        await worker.interrupted.wait()


@EVERYWHERE
@ENDS
async def test_an_execution_goes_on_by_default(
    client: Client, launcher: FakeLauncher, start: Start, end: Callable[[Any], None]
) -> None:
    async with start(client, {"code": "pass"}) as connection:
        worker, run = await begun(launcher)
        end(connection)
    for _ in range(2):  # a second answer shows that the server has also seen the client go
        assert await state(client) == "running"
    worker.done(run)
    assert await state(client) == "completed"
    assert "interrupt" not in worker.calls


@EVERYWHERE
async def test_an_execution_that_waits_leaves_the_queue(client: Client, launcher: FakeLauncher, start: Start) -> None:
    async with client.ws_connect(PREFIX + "/execute") as first:
        await first.send_json({"code": "first"})
        worker, run = await begun(launcher)
        async with start(client, {"code": "second", "onDisconnect": "interrupt"}) as connection:
            await comes(lambda: states(client, "running", "queued"))
            close(connection)
        await comes(lambda: states(client, "running", "cancelled"))
        worker.done(run)
        assert worker._inbox.empty()


async def states(client: Client, *expected: str) -> bool:
    """Return whether these are the states of the default context's executions."""
    async with client.get(PREFIX + "/context/default/executions") as response:
        return [execution["state"] for execution in (await response.json())["executions"]] == list(expected)


@pytest.mark.parametrize("start", SOCKETS.values(), ids=SOCKETS)
async def test_a_client_that_answers_no_ping_has_gone(open_client: Open, launcher: FakeLauncher, start: Start) -> None:
    client = await open_client(heartbeat_s=SILENCE_S)
    async with start(client, {"code": "pass", "onDisconnect": "interrupt"}):
        worker, _ = await begun(launcher)
        await worker.interrupted.wait()


@pytest.mark.parametrize("start", [HTTP["ndjson"], HTTP["sse"]], ids=["ndjson", "sse"])
async def test_a_client_that_takes_nothing_has_gone(open_client: Open, launcher: FakeLauncher, start: Start) -> None:
    client = await open_client(heartbeat_s=SILENCE_S)
    async with start(client, {"code": "pass", "onDisconnect": "interrupt"}) as connection:
        connection.transport.pause_reading()
        worker, _ = await begun(launcher)
        while worker.reading:
            worker.write("x" * (1 << 16))
            await asyncio.sleep(0)
        await worker.interrupted.wait()
