"""A file as an answer: what a file that is cut meanwhile does to it, and that a browser runs nothing of it."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.http import downloads
from interpreterd.http.downloads import send_file
from interpreterd.model.files import FileInfo
from interpreterd.settings import Settings


class Cut:
    """A file that is shorter than it was when it was opened."""

    info = FileInfo(path='d/a "b"é.html', kind="file", size_bytes=10, modified_at=0, etag="e")

    async def read(self, offset: int, size: int) -> bytes:
        return b"12345"[offset : offset + size]


async def answer(request: web.Request) -> web.StreamResponse:
    return await send_file(request, Cut())


@pytest.fixture
async def client(aiohttp_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(downloads, "FILE_PIECE_BYTES", 2)
    app = make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=FakeLauncher())
    app.router.add_get("/file", answer)
    return await aiohttp_client(app)


async def test_a_file_that_is_cut_meanwhile_ends_the_connection(client: Any) -> None:
    async with client.get("/file") as response:
        assert response.headers["Content-Length"] == "10"
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    async with client.get("/file", headers={"Range": "bytes=1-3"}) as response:
        assert (response.status, await response.read()) == (206, b"234")


async def test_a_browser_neither_shows_nor_runs_nor_guesses_it(client: Any) -> None:
    async with client.head("/file", headers={"Range": "bytes=1-3"}) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        names = ("X-Content-Type-Options", "Content-Security-Policy", "Cross-Origin-Resource-Policy")
        assert [response.headers[name] for name in names] == ["nosniff", "default-src 'none'; sandbox", "same-origin"]
        assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20%22b%22%C3%A9.html"
