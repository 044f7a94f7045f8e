"""The routes of dialects that are imported late."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from harness import PREFIX

from interpreterd import dialects
from interpreterd.app import make_app
from interpreterd.dialects.late import LateRoute
from interpreterd.dialects.late_routes import matched
from interpreterd.settings import Settings

Client = TestClient[web.Request, web.Application]

ERRORS = """
from interpreterd.http.errors import ErrorAnswer
def show(error):
    return ErrorAnswer(getattr(error, "status", 418), f"%s: {error.code}".encode(), {}, "text/plain")
"""
HANDLERS = """
from aiohttp import web
async def say(state, request):
    return web.Response(text=f"%s {dict(request.match_info)}")
async def fail(state, request):
    raise ZeroDivisionError
"""
ROUTES = """
from interpreterd.dialects.late import LateRoute, Table
TABLE = Table(routes=(%s), errors="errors:show", headers=(%r,))
"""


@pytest.fixture
def dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that makes a dialect of files: its name, a header of its clients, and its routes."""
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])

    def make(name: str, header: str, *routes: LateRoute) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "routes.py").write_text(ROUTES % ("".join(f"{route}," for route in routes), header))
        (folder / "errors.py").write_text(ERRORS % name)
        (folder / "handlers.py").write_text(HANDLERS % name)
        importlib.invalidate_caches()
        return name

    return make


@pytest.fixture
def open_client(aiohttp_client: Any, tmp_path: Path) -> Callable[..., Awaitable[Client]]:
    """Return a function that starts an application with these dialects after the native one."""

    async def start(*names: str) -> Client:
        settings = Settings.of(cwd=str(tmp_path), base_path="/below")
        client: Client = await aiohttp_client(
            make_app(settings=settings, launcher=FakeLauncher(), dialects=["native", *names])
        )
        return client

    return start


async def said(client: Client, method: str, path: str, **headers: str) -> tuple[int, str]:
    async with client.request(method, path, headers=headers) as response:
        return response.status, await response.text()


SAY = "handlers:say"


async def test_routes_are_found_at_the_root_and_below_the_base_path(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    toy = dialect("toy1", "X-Toy", LateRoute("GET", "/a/{b}/c", SAY), LateRoute("POST", "/f/{path*}", SAY))
    client = await open_client(toy)
    for base in ("", "/below"):
        assert await said(client, "GET", base + "/a/x%2Fy%25/c") == (200, "toy1 {'b': 'x/y%'}")
        assert await said(client, "POST", base + "/f/x/y") == (200, "toy1 {'path': 'x/y'}")
        assert (await said(client, "HEAD", base + "/a/b/c"))[0] == 200
        assert await said(client, "DELETE", base + "/a/b/c") == (405, "toy1: method_not_allowed")
        for missing in ("/a/b", "/a//c", "/a/b/c/", "/f/", "/belowa/b/c"):
            status, text = await said(client, "GET", base + missing)
            assert (status, "not_found" in text) == (404, True)


async def test_a_refused_method_is_told_what_is_allowed(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    toy = dialect("toy2", "X-Toy", LateRoute("GET", "/a", SAY), LateRoute("PUT", "/a", SAY))
    client = await open_client(toy)
    async with client.delete("/a") as response:
        assert response.headers["Allow"] == "GET,HEAD,PUT"


async def test_errors_of_a_late_dialect_have_its_form(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    client = await open_client(dialect("toy3", "X-Toy", LateRoute("GET", "/a", "handlers:fail")))
    assert await said(client, "GET", "/a") == (500, "toy3: internal_error")
    assert await said(client, "GET", "/a", Host="evil.example") == (418, "toy3: forbidden")


async def test_a_header_chooses_between_dialects_that_share_a_path(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    """Without such a header the first dialect answers; a method that only the second one has is the second one's."""
    route = LateRoute("POST", "/a/{id}", SAY)
    four = dialect("toy4", "X-Four", route)
    five = dialect("toy5", "User-Agent: five-", LateRoute("DELETE", "/a/{id}", SAY), route)
    client = await open_client(four, five)
    assert await said(client, "POST", "/a/b") == (200, "toy4 {'id': 'b'}")
    assert await said(client, "POST", "/a/b", **{"User-Agent": "five-1"}) == (200, "toy5 {'id': 'b'}")
    assert await said(client, "POST", "/a/b", **{"User-Agent": "six-1"}) == (200, "toy4 {'id': 'b'}")
    assert await said(client, "POST", "/a/b", **{"X-Four": ""}) == (200, "toy4 {'id': 'b'}")
    assert await said(client, "DELETE", "/a/b", **{"X-Four": ""}) == (200, "toy5 {'id': 'b'}")


async def test_a_client_of_a_dialect_gets_its_form_where_nothing_is(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    client = await open_client(dialect("toy8", "X-Toy", LateRoute("GET", "/a", SAY)))
    assert await said(client, "GET", "/nowhere", **{"X-Toy": ""}) == (404, "toy8: not_found")
    assert (await said(client, "GET", "/nowhere"))[1].startswith('{"error"')
    status, text = await said(client, "DELETE", PREFIX + "/contexts", **{"X-Toy": ""})
    assert (status, text.startswith('{"error"')) == (405, True)


async def test_the_native_api_comes_first(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    toy = dialect("toy6", "X-Toy", LateRoute("GET", "/health", SAY), LateRoute("GET", "/{any*}", SAY))
    client = await open_client(toy)
    assert await said(client, "GET", "/health", **{"X-Toy": ""}) == (200, '{"status":"ok"}')
    assert (await said(client, "GET", PREFIX + "/contexts"))[1] == '{"contexts":[]}'


async def test_first_requests_at_once_are_all_answered(
    dialect: Callable[..., str], open_client: Callable[..., Awaitable[Client]]
) -> None:
    client = await open_client(dialect("toy7", "X-Toy", LateRoute("GET", "/a", SAY)))
    answers = await asyncio.gather(*(said(client, "GET", "/a") for _ in range(5)))
    assert answers == [(200, "toy7 {}")] * 5


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("/a/{b}", "/a/1", {"b": "1"}),
        ("/a/{b}", "/a/1/2", None),
        ("/a/{b}", "/a", None),
        ("/a/{b*}", "/a/1/2/", {"b": "1/2/"}),
        ("/a/{b*}", "/a", None),
        ("/{a}/b", "/%252F/b", {"a": "%2F"}),
    ],
)
def test_a_path_is_matched_by_segments(pattern: str, path: str, values: dict[str, str] | None) -> None:
    assert matched(pattern.split("/"), path.split("/")) == values
