"""Several tasks send to a client that takes less than it is sent."""

import asyncio
from typing import Any

import pytest

from interpreterd.http.closing import NORMAL
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.http.websocket.frames import TEXT, close_frame, frame


class FakeTransport:
    """A transport whose buffer is full after each write."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.socket: WebSocket

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self.socket.pause_writing()

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...


class Before:
    """What was the protocol before."""

    def waits(self, it_does: bool) -> None: ...
    def hold(self, change_bytes: int) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...


def connected() -> tuple[WebSocket, FakeTransport]:
    transport: Any = FakeTransport()
    before: Any = Before()
    transport.socket = WebSocket(before, transport, HttpSettings())
    return transport.socket, transport


async def turns() -> None:
    """Let every task do what it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_each_waits_until_the_client_has_taken_what_the_one_before_it_wrote() -> None:
    socket, transport = connected()
    async with asyncio.TaskGroup() as tasks:
        for text in (b"a", b"b", b"c"):
            tasks.create_task(socket.send(text))
        expected = []
        for text in (b"a", b"b", b"c"):
            await turns()
            expected.append(frame(TEXT, text))
            assert transport.written == expected
            socket.resume_writing()
    socket.connection_lost(None)


async def test_all_learn_that_the_client_has_gone() -> None:
    socket, transport = connected()
    socket.pause_writing()
    senders = [asyncio.create_task(socket.send(b"late")) for _ in range(3)]
    await turns()
    socket.connection_lost(None)
    assert [type(it) for it in await asyncio.gather(*senders, return_exceptions=True)] == [ConnectionResetError] * 3
    assert transport.written == []


async def test_one_that_is_cancelled_passes_its_turn_on() -> None:
    socket, transport = connected()
    socket.pause_writing()
    first, second = (asyncio.create_task(socket.send(text)) for text in (b"first", b"second"))
    await turns()
    socket.resume_writing()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    assert transport.written == [frame(TEXT, b"second")]
    socket.connection_lost(None)


async def test_several_texts_are_one_write_and_the_close_comes_with_the_last_ones() -> None:
    socket, transport = connected()
    await socket.send(b"a", b"b")
    socket.finish(NORMAL, b"c")
    assert transport.written == [frame(TEXT, b"a") + frame(TEXT, b"b"), frame(TEXT, b"c") + close_frame(NORMAL)]
    socket.connection_lost(None)


async def test_of_many_pings_a_client_that_is_behind_gets_the_latest_pong() -> None:
    socket, transport = connected()
    socket.pause_writing()
    for data in (b"1", b"2"):
        socket.data_received(b"\x89\x81\0\0\0\0" + data)
    assert transport.written == []
    socket.resume_writing()
    assert transport.written == [b"\x8a\x012"]
    socket.connection_lost(None)
