"""Only the daemon's own page and allowed origins may send requests from a browser."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from interpreterd.http.errors import SHOW, SHOWS, ErrorAnswer, HttpError, show_errors
from interpreterd.http.keys import SETTINGS
from interpreterd.http.origin import add_cors_headers, refuse_strangers
from interpreterd.http.settings import HttpSettings
from interpreterd.model.errors import InterpreterError

Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]


def show(error: InterpreterError | HttpError) -> ErrorAnswer:
    return ErrorAnswer(403, str(error).encode())


@pytest.fixture
def open_client(aiohttp_client: Any) -> Open:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="yes")

    async def start(**settings: Any) -> Client:
        app = web.Application(middlewares=[show_errors, refuse_strangers])
        app[SETTINGS] = HttpSettings(**settings)
        app[SHOW], app[SHOWS] = show, {}
        app.on_response_prepare.append(add_cors_headers)
        app.router.add_get("/", answer)
        client: Client = await aiohttp_client(app)
        return client

    return start


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("localhost:1", True),
        ("LOCALHOST.", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9:80", True),
        ("[::1]:80", True),
        ("friend.example", True),
        ("friend.example:443", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("8.8.8.8", False),
        ("", False),
        ("[", False),
    ],
)
async def test_a_name_of_the_daemons_own_is_asked_for(open_client: Open, host: str, allowed: bool) -> None:
    client = await open_client(allow_host=("friend.example",))
    async with client.get("/", headers={"Host": host}) as response:
        assert response.status == (200 if allowed else 403)
        assert allowed or (await response.text()).endswith("; --allow-host allows it")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:{port}", True),
        ("http://127.0.0.1:{port}", True),
        ("http://localhost:1", False),
        ("https://evil.example", False),
        ("null", False),
        ("http://[", False),
        ("file://localhost:{port}", False),
    ],
)
async def test_a_page_of_the_daemons_own_may_ask(open_client: Open, origin: str, allowed: bool) -> None:
    client = await open_client()
    async with client.get("/", headers={"Origin": origin.format(port=client.port)}) as response:
        assert response.status == (200 if allowed else 403)
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_page_that_is_allowed_may_read_the_answer(open_client: Open) -> None:
    page = "https://page.example"
    client = await open_client(allow_origin=(page,))
    async with client.get("/", headers={"Origin": page}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, page)
        assert response.headers["Vary"] == "Origin"
    asked = {"Origin": page, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-Own"}
    async with client.options("/", headers=asked) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, page)
        assert response.headers["Access-Control-Allow-Headers"] == "X-Own"


async def test_anyone_may_be_allowed(open_client: Open) -> None:
    client = await open_client(allow_origin=("*",), allow_host=("*",))
    async with client.get("/", headers={"Origin": "https://any.example", "Host": "any.example"}) as response:
        assert response.status == 200
