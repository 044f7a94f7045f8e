"""The end of a WebSocket: the last message comes whole, and the daemon waits for a client that still reads."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from harness import PREFIX, AppServer
from reading import Reader, read_all

from interpreterd.http.closing import Closing
from interpreterd.http.errors import SHOW, ErrorAnswer, HttpError
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket import connection
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.errors import InterpreterError


def show(error: InterpreterError | HttpError) -> ErrorAnswer:
    return ErrorAnswer(426, error.code.encode())


@contextlib.asynccontextmanager
async def finished_socket(monkeypatch: pytest.MonkeyPatch, last: bytes | None) -> AsyncIterator[Reader]:
    """Yield a client of a server with a patience of 25 ms that ends its ``Socket`` while another task receives."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = open_socket(request)
        monkeypatch.setattr(socket, "_patience_s", 0.025)
        receiver = asyncio.create_task(socket.receive())
        await asyncio.sleep(0)
        socket.finish(Closing(1000, b"why"), *() if last is None else (last,))
        assert await receiver is None
        await socket.leave()
        return UPGRADED

    app = web.Application()
    app[SETTINGS] = HttpSettings()
    app[SHOW] = show
    app.router.add_get(PREFIX + "/execute", handle)
    async with AppServer(app) as server:
        with await asyncio.to_thread(Reader, str(server.make_url(""))) as reader:
            yield reader


@pytest.mark.parametrize("size", [2, 125, 126, 65535, 65536])
async def test_the_last_message_comes_whole_before_the_close(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    text = "x" * (size - 2)
    async with finished_socket(monkeypatch, f'"{text}"'.encode()) as reader:
        assert await asyncio.to_thread(read_all, reader) == [text]
        assert (reader.close_code, reader.close_reason) == (1000, "why")


@contextlib.asynccontextmanager
async def ended_socket(
    monkeypatch: pytest.MonkeyPatch, untaken: list[int]
) -> AsyncIterator[tuple[Reader, asyncio.Event]]:
    """Yield a ``finished_socket`` that seems to read slowly, and an event.

    ``untaken`` has the bytes that the client has not read, one number per look, at most ten. The last sets the event.
    """
    looked = asyncio.Event()

    def look(transport: asyncio.Transport) -> int:
        number = untaken.pop(0)
        if not untaken:
            looked.set()
        return number

    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(connection, "untaken_bytes", look)

    async with finished_socket(monkeypatch, None) as reader:
        yield reader, looked


@pytest.mark.parametrize("untaken", [[0], [90, 90, 80, 0], [90, 90, 90, 90]], ids=["all", "all later", "nothing more"])
async def test_a_client_that_does_not_answer_the_close_is_let_go(
    monkeypatch: pytest.MonkeyPatch, untaken: list[int]
) -> None:
    """The daemon lets it go when it has read everything, or nothing for too long."""
    async with ended_socket(monkeypatch, untaken) as (reader, _):
        assert await asyncio.to_thread(reader.read_raw) == b"\x88\x05\x03\xe8why"
        assert untaken == []


async def test_a_client_that_takes_something_now_and_then_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ended_socket(monkeypatch, [90, 80, 80, 70, 70, 60, 60, 50]) as (reader, looked):
        await looked.wait()
        await asyncio.to_thread(reader.receive)
        assert (reader.close_code, reader.close_reason) == (1000, "why")
