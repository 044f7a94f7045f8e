"""Incoming connections. The tests look at the daemon's own objects."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from fake_worker import FakeLauncher
from harness import PREFIX
from leaving import Asker, get, holds, upgrade

from interpreterd.app import make_app
from interpreterd.dialects.native import documents, execute_socket, session_socket
from interpreterd.http import decoding
from interpreterd.http.connections import Connections, Runner
from interpreterd.http.incoming import IncomingConnection
from interpreterd.settings import Settings

LIMIT = 2


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the address of the server."""
    return f"unix:{tmp_path}/socket"


@pytest.fixture
async def server(url: str, tmp_path: Path) -> AsyncIterator[Connections]:
    """Yield the registry of connections of a server that allows ``LIMIT`` of them."""
    settings = Settings.of(cwd=str(tmp_path), max_connections=LIMIT)
    runner = Runner(make_app(settings=settings, launcher=FakeLauncher()), access_log=None)
    await runner.setup()
    assert runner.server is not None
    await web.UnixSite(runner, url.removeprefix("unix:")).start()
    yield cast("Connections", runner.server)
    await runner.cleanup()


async def test_a_slow_client_that_has_closed_its_sending_half_gets_all_of_its_answers(
    server: Connections, url: str
) -> None:
    """The daemon's look for gone clients must not drop the rest of the last answer, which waits in a buffer."""
    for count in itertools.count(1):  # more and more answers, until the kernel's buffers are full
        asker = Asker(url, get("/asyncapi.json") * count)
        with contextlib.closing(asker.socket):
            asker.socket.shutdown(socket.SHUT_WR)
            await asyncio.to_thread(asker.begun)
            connection = cast("IncomingConnection | None", next(iter(server.connections), None))
            transport = connection and connection.transport
            if connection is not None and transport is not None:
                await holds(transport.is_closing)
                if transport.get_write_buffer_size():
                    connection._look_whether_gone()
                    taken = await asyncio.to_thread(asker.rest)
                    break
        await holds(lambda: not server.connections)
    assert taken.count(b"HTTP/1.1 200 OK") == count
    heads, _, body = taken.rpartition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in heads.rpartition(b"HTTP/1.1")[2]


@pytest.mark.parametrize("path", ["/execute", "/session"])
async def test_a_large_message_counts_until_it_is_decoded_though_its_client_has_gone(
    server: Connections, url: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Otherwise clients could send much and leave, and without limit fill memory that waits for the decoding thread."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def decode(data: bytes, what: str, **options: Any) -> object:
        asked.set()
        await go_on.wait()
        return await decoding.decode_any_size(data, what, **options)

    monkeypatch.setattr({"/execute": execute_socket, "/session": session_socket}[path], "decode_any_size", decode)
    wish = {"code": "x" * 4 * decoding.SMALL_BYTES}
    asker = await asyncio.to_thread(Asker, url, upgrade(PREFIX + path, wish))
    await asked.wait()
    asker.leave()
    await holds(lambda: not server._open)
    assert server._held > decoding.SMALL_BYTES
    go_on.set()
    await holds(lambda: not server._held)


async def test_a_client_that_has_gone_amid_its_answer_makes_no_room_for_others(
    server: Connections, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no longer in the list, so it cannot count as the connection that was silent longest."""
    monkeypatch.setitem(cast("dict[str, bytes]", documents.DOCUMENTS), "openapi.json", b" " * 5_000_000)
    asker = Asker(url, get("/openapi.json"))
    await asyncio.to_thread(asker.begun)
    asker.leave()
    await holds(lambda: not server.connections)
    idle = []
    for _ in range(LIMIT + 1):
        idle.append(Asker(url, get("/health")))
        await asyncio.to_thread(idle[-1].begun)
    assert len(server.connections) == LIMIT
    for asker in idle:
        asker.leave()
