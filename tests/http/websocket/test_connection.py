"""The WebSocket of every route: its handshake, its refusals and its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient
from harness import AppServer

from interpreterd.http.closing import Closing
from interpreterd.http.errors import SHOW, SHOWS, ErrorAnswer, HttpError, show_errors
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.connection import open_socket
from interpreterd.model.errors import InterpreterError

Client = TestClient[web.Request, web.Application]
LIMIT_BYTES = 1000


def show(error: InterpreterError | HttpError) -> ErrorAnswer:
    return ErrorAnswer(426, error.code.encode())


async def echo(request: web.Request) -> web.StreamResponse:
    """Echo each message until "end". Another task then closes the socket while this one receives."""
    socket = await open_socket(request, subprotocol="mine")
    closing: asyncio.Task[None] | None = None
    while (message := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        if message.data == b"end":
            closing = asyncio.create_task(socket.finish(Closing(4001, b"why"), last=b"the last words"))
        else:
            await socket.send_frame(message.data, WSMsgType.TEXT)
    if closing is not None:
        await closing
    return socket


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
        frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (
            WSMsgType.CLOSE,
            code,
            "the request is larger than the limit of 1000 bytes",
        )


async def test_a_text_that_is_not_utf8_ends_the_connection() -> None:
    async with open_client() as client, client.ws_connect("/", autoclose=False) as socket:
        await socket.send_frame(b"\xff", WSMsgType.TEXT)
        frame = await socket.receive()
        assert (frame.type, frame.data) == (WSMsgType.CLOSE, 1007)


async def test_a_ping_is_answered_while_a_task_receives() -> None:
    async with open_client() as client, client.ws_connect("/", autoping=False) as socket:
        await socket.ping(b"are you there")
        frame = await socket.receive()
        assert (frame.type, bytes(frame.data)) == (WSMsgType.PONG, b"are you there")


async def test_another_task_may_close_with_last_words() -> None:
    async with open_client() as client, client.ws_connect("/", autoclose=False) as socket:
        await socket.send_bytes(b"end")
        assert await socket.receive_str() == "the last words"
        frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "why")
        await socket.close()


async def test_a_header_that_is_not_ascii_is_refused() -> None:
    async with open_client() as client:
        headers: dict[str, Any] = {"Sec-WebSocket-Protocol": "ä", "Upgrade": "websocket", "Connection": "Upgrade"}
        async with client.get("/", headers=headers) as response:
            assert await response.read() == b"malformed_request"
