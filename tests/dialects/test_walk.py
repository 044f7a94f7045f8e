"""A walk over all routes of all dialects: whatever a client sends, it gets an answer in the form of its API."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from walking import NAMES, answered_by, in_form, routes

from interpreterd.app import make_app
from interpreterd.settings import Settings

Client = TestClient[web.Request, web.Application]
BASES = ("", "/below")
LIMIT_BYTES = 4096
WRONG_TYPES = json.dumps(
    {"id": [], "code": 1, "context": 1, "context_id": {}, "contextId": [], "language": 7, "cwd": 8, "name": 9}
    | {"path": 1, "metadata": 1, "envs": 2, "env_vars": 2, "text": 3, "message": 3, "image": 4, "command": 5}
).encode()


@pytest.fixture
def open_walk(aiohttp_client: Any, tmp_path: Path) -> Callable[..., Awaitable[Client]]:
    """Return a function that starts an application with all dialects."""

    async def start(**settings: Any) -> Client:
        chosen = Settings.of(**{"cwd": str(tmp_path), "base_path": "/below", "max_contexts": 500} | settings)
        client: Client = await aiohttp_client(make_app(settings=chosen, launcher=FakeLauncher()))
        return client

    return start


Open = Callable[..., Awaitable[Client]]
every_dialect = pytest.mark.parametrize("name", NAMES)


@every_dialect
async def test_a_foreign_page_is_refused_at_every_route(open_walk: Open, name: str) -> None:
    client = await open_walk()
    for route in routes(name):
        for base in BASES:
            for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
                async with client.request(route.method, base + route.path, headers=headers) as response:
                    assert response.status == 403, (route, headers)
                    in_form(answered_by(name, route), response, await response.read())


@every_dialect
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[]",
        b"1",
        b'"text"',
        b"{}",
        WRONG_TYPES,
        b"[" * 100_000,
    ],
    ids=["cut", "binary", "list", "number", "text", "empty", "wrong types", "deep"],
)
async def test_a_wrong_body_is_refused_in_the_form_of_the_api(open_walk: Open, name: str, body: bytes) -> None:
    """Some routes need no body, and some keys: they may succeed. No answer blames the daemon."""
    client = await open_walk()
    for route in routes(name):
        if body == b"{}" and route.runs_empty:
            continue
        if route.method in (hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH) and not route.upload:
            headers = {"Content-Type": "application/json"}
            async with client.request(route.method, route.path, data=body, headers=headers) as response:
                answer = await response.read()
                assert response.status < 500 or response.status == 501, (route, answer)
                if response.status >= 400:
                    in_form(name, response, answer)


@every_dialect
async def test_a_large_body_is_refused_in_the_form_of_the_api(open_walk: Open, name: str) -> None:
    client = await open_walk(body_limit_bytes=LIMIT_BYTES)
    body = json.dumps({"code": "x" * LIMIT_BYTES}).encode()
    statuses = set()
    for route in routes(name):
        if route.method in (hdrs.METH_POST, hdrs.METH_PATCH) and not route.upload:
            async with client.request(route.method, route.path, data=body) as response:
                statuses.add(response.status)
                answer = await response.read()
                assert response.status < 500 or response.status == 501, (route, answer)
                if response.status >= 400:
                    in_form(name, response, answer)
    assert 413 in statuses


@every_dialect
async def test_unknown_ids_are_refused_in_the_form_of_the_api(open_walk: Open, name: str) -> None:
    client = await open_walk()
    for route in routes(name):
        if "unknown" in route.path:
            for base in BASES:
                async with client.request(route.method, base + route.path) as response:
                    answer = await response.read()
                    assert 400 <= response.status < 500 or response.status == 501, (route, answer)
                    in_form(name, response, answer)


@every_dialect
async def test_other_methods_are_refused_with_those_that_are_allowed(open_walk: Open, name: str) -> None:
    client = await open_walk()
    for route in routes(name):
        for method in ("OPTIONS", "PROPFIND"):
            async with client.request(method, route.path) as response:
                assert response.status == 405, (route, method)
                assert route.method in response.headers["Allow"].split(","), route
                in_form(answered_by(name, route), response, await response.read())


MAKES = {
    "native": ("/process/interpreter/context", {}),
    "jupyter": ("/api/kernels", {"name": "python3"}),
    "e2b": ("/contexts", {}),
    "opensandbox": ("/code/context", {"language": "python"}),
}


@every_dialect
async def test_the_limit_of_contexts_holds_for_all_apis_together(open_walk: Open, name: str) -> None:
    client = await open_walk(max_contexts=1)
    first = MAKES["native" if name != "native" else "opensandbox"]
    async with client.post(first[0], json=first[1]) as response:
        assert response.status == 200
    path, body = MAKES[name]
    async with client.post(path, json=body) as response:
        assert response.status in (429, 503)
        assert int(response.headers["Retry-After"]) > 0
        in_form(name, response, await response.read())


def test_every_dialect_has_routes_here() -> None:
    assert set(NAMES) == set(MAKES)
    assert all(len(list(routes(name))) > 5 for name in NAMES)
