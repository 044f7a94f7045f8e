"""The WebSocket of every route: its handshake, its refusals and its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient
from frames import CLOSE, HANDSHAKE, TEXT, frame, open_raw
from harness import AppServer

from interpreterd.http.closing import Closing
from interpreterd.http.errors import SHOW, SHOWS, ErrorAnswer, HttpError, show_errors
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.errors import InterpreterError

Client = TestClient[web.Request, web.Application]
LIMIT_BYTES = 1000


def show(error: InterpreterError | HttpError) -> ErrorAnswer:
    return ErrorAnswer(426, error.code.encode())


async def echo(request: web.Request) -> web.StreamResponse:
    """Echo each message until "end"; fail at "fail"."""
    socket = open_socket(request, subprotocol="mine")
    try:
        while (message := await socket.receive()) is not None:
            assert message.data != b"fail"
            if message.data == b"end":
                socket.finish(Closing(4001, b"why"), b"the last", b"words")
            else:
                await socket.send(message.data)
    finally:
        await socket.leave()
    return UPGRADED


@contextlib.asynccontextmanager
async def open_client() -> AsyncIterator[Client]:
    app = web.Application(middlewares=[show_errors])
    app[SETTINGS] = HttpSettings(body_limit_bytes=LIMIT_BYTES)
    app[SHOW], app[SHOWS] = show, {}
    app.router.add_get("/", echo)
    async with TestClient(AppServer(app)) as client:
        yield client


async def test_plain_http_is_told_to_upgrade() -> None:
    async with open_client() as client, client.get("/") as response:
        assert (response.status, await response.read()) == (426, b"upgrade_required")


@pytest.mark.parametrize(("offered", "chosen"), [([], None), (["other"], None), (["other", "mine~2"], "mine~2")])
async def test_only_a_known_subprotocol_is_echoed(offered: list[str], chosen: str | None) -> None:
    async with open_client() as client, client.ws_connect("/", protocols=offered) as socket:
        assert socket.protocol == chosen


async def test_text_and_bytes_up_to_the_limit_are_taken() -> None:
    async with open_client() as client, client.ws_connect("/") as socket:
        await socket.send_str("é" * (LIMIT_BYTES // 2))
        assert await socket.receive_str() == "é" * (LIMIT_BYTES // 2)
        await socket.send_bytes(b"x" * LIMIT_BYTES)
        assert await socket.receive_str() == "x" * LIMIT_BYTES


@pytest.mark.parametrize(("size", "code"), [(LIMIT_BYTES + 1, 1009)])
async def test_a_message_beyond_the_limit_is_named(size: int, code: int) -> None:
    async with open_client() as client, client.ws_connect("/", autoclose=False) as socket:
        await socket.send_str("x" * size)
        got = await socket.receive()
        assert (got.type, got.data, got.extra) == (
            WSMsgType.CLOSE,
            code,
            "the request is larger than the limit of 1000 bytes",
        )


async def test_a_text_that_is_not_utf8_ends_the_connection() -> None:
    async with open_client() as client, client.ws_connect("/", autoclose=False) as socket:
        await socket.send_frame(b"\xff", WSMsgType.TEXT)
        got = await socket.receive()
        assert (got.type, got.data) == (WSMsgType.CLOSE, 1007)


async def test_a_ping_is_answered_while_a_task_receives() -> None:
    async with open_client() as client, client.ws_connect("/", autoping=False) as socket:
        await socket.ping(b"are you there")
        got = await socket.receive()
        assert (got.type, bytes(got.data)) == (WSMsgType.PONG, b"are you there")


async def test_a_route_finishes_with_last_words() -> None:
    async with open_client() as client, client.ws_connect("/", autoclose=False) as socket:
        await socket.send_bytes(b"end")
        assert [await socket.receive_str() for _ in range(2)] == ["the last", "words"]
        got = await socket.receive()
        assert (got.type, got.data, got.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "why")
        await socket.close()


async def test_a_header_that_is_not_ascii_is_refused() -> None:
    async with open_client() as client:
        headers: dict[str, Any] = {"Sec-WebSocket-Protocol": "ä", "Upgrade": "websocket", "Connection": "Upgrade"}
        async with client.get("/", headers=headers) as response:
            assert await response.read() == b"malformed_request"


async def test_a_route_that_fails_closes_with_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async with open_client() as client, client.ws_connect("/", autoclose=False) as socket:
        await socket.send_str("fail")
        got = await socket.receive()
        assert (got.type, got.data) == (WSMsgType.CLOSE, 1011)
    assert "GET / failed" in caplog.text


async def test_messages_that_come_with_the_close_are_processed() -> None:
    """The client sends all at once: its last message is not lost, and its close is answered."""
    async with open_client() as client:
        async with open_raw(client.port, "/") as socket:
            await socket.send(*(frame(TEXT, b"%d" % number) for number in range(100)), frame(CLOSE, b"\x03\xe8"))
            received = [got.payload for got in await socket.rest() if got.opcode == CLOSE]
        assert received == [b"\x03\xe8"]


async def test_frames_that_come_with_the_request_are_taken() -> None:
    async with open_client() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(HANDSHAKE.format(path="/", port=client.port).encode() + frame(TEXT, b"early"))
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"\x81\x05early"
        writer.close()
