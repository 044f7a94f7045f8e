"""A WebSocket with one execution, over fake workers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher

from interpreterd.app import MANAGER
from interpreterd.model.names import NATIVE_PATH
from interpreterd.pipe.messages import Failed

Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]


async def test_an_execution(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with client.ws_connect(NATIVE_PATH + "/execute", autoclose=False) as socket:
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
    async with client.ws_connect(NATIVE_PATH + "/execute") as socket:
        await socket.send_json({"code": "exit()"})
        worker = await launcher.worker()
        worker.exiting(await worker.run())
        assert await socket.receive_json() == {"type": "control", "text": "completed"}
    launcher.answer = Failed(reason="cannot enter its directory")
    async with client.ws_connect(NATIVE_PATH + "/execute", autoclose=False) as socket:
        await socket.send_json({"code": "pass"})
        reason = "failed to restart context: cannot enter its directory"
        expected = {"type": "error", "name": "ContextError", "value": reason, "traceback": ""}
        assert await socket.receive_json() == expected
        frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, 1011, reason)


async def test_a_client_that_does_not_read_makes_the_program_wait(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client(backlog_limit_bytes=1 << 16)
    async with client.ws_connect(NATIVE_PATH + "/execute") as socket:
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
    async with client.ws_connect(NATIVE_PATH + "/execute") as socket:
        await socket.send_json({"code": "x = 1"})
        worker = await launcher.worker()
        run = await worker.run()
    assert worker.calls.count("interrupt") == worker.calls.count("kill") == 0
    worker.done(run)
    async with client.ws_connect(NATIVE_PATH + "/execute") as socket:
        await socket.send_json({"code": "x"})
        worker.done(await worker.run())
        assert await socket.receive_json() == {"type": "control", "text": "completed"}


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
    """Open a WebSocket whose close frame the test receives itself."""
    return client.ws_connect(NATIVE_PATH + "/execute", autoclose=False)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("[]", 1002, "the message must be a JSON object"),
        ('{"code":""}', 1008, "code must not be empty"),
        ('{"code":"pass","contextId":"x"}', 1008, "context not found: x"),
    ],
)
async def test_what_is_refused_is_told_by_the_close(open_client: Open, message: str, code: int, reason: str) -> None:
    client = await open_client()
    async with open_socket(client) as socket:
        await socket.send_str(message)
        frame = await socket.receive()
        if code == 1008 and "context" in reason:
            assert frame.json()["name"] == "ContextError"
            frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, code, reason)


async def test_a_client_that_says_nothing_in_time_is_dismissed(open_client: Open) -> None:
    client = await open_client(first_message_timeout_s=0.001)
    async with open_socket(client) as socket:
        frame = await socket.receive()
        assert (frame.data, frame.extra) == (1008, "no first message within 0.001 s")


@pytest.mark.parametrize("numbered", [True, False])
async def test_only_a_client_that_knows_questions_is_asked(
    open_client: Open, launcher: FakeLauncher, numbered: bool
) -> None:
    client = await open_client()
    async with open_socket(client) as socket:
        await socket.send_json({"code": "input()", "stdin": True, "events": "v2" if numbered else "v1"})
        run = await (await launcher.worker()).run()
        assert run.request.stdin is numbered


async def test_only_the_sdks_subprotocol_is_echoed(open_client: Open) -> None:
    client = await open_client()
    offered = ("other", "X-Daytona-SDK-Version~1.2")
    for path in ("/execute", "/session"):
        async with client.ws_connect(NATIVE_PATH + path, protocols=offered) as socket:
            assert socket.protocol == offered[1]
