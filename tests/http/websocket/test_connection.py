"""A WebSocket of any route: its messages, its refusals and its end."""

import aiohttp
import pytest
from aiohttp import WSMsgType
from echoing import LIMIT_BYTES, open_client
from frames import CLOSE, TEXT, frame, open_raw


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
