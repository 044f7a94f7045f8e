"""A body arrives piece by piece; a client that is too slow, or goes, is noticed."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.http.uploads import body_pieces, check_whole, not_yet
from interpreterd.settings import Settings


@pytest.fixture
def sizes() -> list[int]:
    return []


@pytest.fixture
async def client(aiohttp_client: Any, tmp_path: Path, sizes: list[int]) -> Any:
    async def take(request: web.Request) -> web.StreamResponse:
        check_whole(request)
        async for piece in body_pieces(request):
            sizes.append(len(piece))
        return web.Response(text=str(sum(sizes)))

    settings = Settings.of(cwd=str(tmp_path), body_limit_bytes=1000, body_timeout_s=0.2)
    app = make_app(settings=settings, launcher=FakeLauncher())
    app.router.add_put("/", take, expect_handler=not_yet)
    return await aiohttp_client(app)


async def test_a_body_of_any_size_comes_in_small_pieces(client: Any, sizes: list[int]) -> None:
    async with client.put("/", data=io.BytesIO(b"x" * (4 << 20)), expect100=True) as response:
        assert await response.text() == str(4 << 20)
    assert max(sizes) <= 1 << 20


async def test_a_client_that_pauses_too_long_is_refused(client: Any) -> None:
    async def halves() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with client.put("/", data=halves()) as response:
        assert (response.status, (await response.json())["code"]) == (408, "request_timeout")


@pytest.mark.parametrize(
    ("headers", "status"), [({"Content-Encoding": "gzip"}, 415), ({"Content-Range": "bytes 0-0/2"}, 400)]
)
async def test_only_a_whole_file_is_taken(client: Any, headers: dict[str, str], status: int) -> None:
    async with client.put("/", data=b"x", headers=headers) as response:
        assert response.status == status


async def test_a_body_that_does_not_come_whole_is_refused(client: Any) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    assert b" 400 " in answer
    assert b"malformed_request" in answer
