"""The upgrade of a request to a WebSocket."""

import asyncio
from typing import Any

import pytest
from echoing import open_client
from frames import HANDSHAKE, TEXT, frame


async def test_plain_http_is_told_to_upgrade() -> None:
    async with open_client() as client, client.get("/") as response:
        assert (response.status, await response.read()) == (426, b"upgrade_required")


@pytest.mark.parametrize(("offered", "chosen"), [([], None), (["other"], None), (["other", "mine~2"], "mine~2")])
async def test_only_a_known_subprotocol_is_echoed(offered: list[str], chosen: str | None) -> None:
    async with open_client() as client, client.ws_connect("/", protocols=offered) as socket:
        assert socket.protocol == chosen


async def test_a_header_that_is_not_ascii_is_refused() -> None:
    async with open_client() as client:
        headers: dict[str, Any] = {"Sec-WebSocket-Protocol": "ä", "Upgrade": "websocket", "Connection": "Upgrade"}
        async with client.get("/", headers=headers) as response:
            assert await response.read() == b"malformed_request"


async def test_frames_that_come_with_the_request_are_taken() -> None:
    async with open_client() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(HANDSHAKE.format(path="/", port=client.port).encode() + frame(TEXT, b"early"))
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"\x81\x05early"
        writer.close()
