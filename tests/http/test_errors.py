"""An error has the form of the dialect that the route belongs to."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from interpreterd.http.errors import INTERNAL, SHOW, SHOWS, ErrorAnswer, HttpError, Show, of_status, show_errors
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.model.errors import Forbidden, InterpreterError, LimitReached

Client = TestClient[web.Request, web.Application]


def shown_by(name: str) -> Show:
    """Return a function that shows errors with the dialect's name."""

    def show(error: InterpreterError | HttpError) -> ErrorAnswer:
        status = error.status if isinstance(error, HttpError) else 418
        return ErrorAnswer(status, f"{name}: {error.code}".encode(), {"X-Dialect": name}, "text/plain")

    return show


async def refuse(request: web.Request) -> web.StreamResponse:
    raise LimitReached("no more")


async def refuse_too(request: web.Request) -> web.StreamResponse:
    raise LimitReached("no more")


async def fail(request: web.Request) -> web.StreamResponse:
    raise ValueError("a secret")


async def move(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


@web.middleware
async def forbid(request: web.Request, handler: Any) -> web.StreamResponse:
    if "forbidden" in request.query:
        raise Forbidden("not you")
    response: web.StreamResponse = await handler(request)
    return response


@pytest.fixture
async def client(aiohttp_client: Any) -> Client:
    """Return a client of an application with two dialects."""
    app = web.Application(middlewares=[show_errors, forbid])
    app[SHOW], app[SHOWS] = shown_by("first"), {refuse: shown_by("first"), refuse_too: shown_by("second")}
    app.router.add_get("/refuse", refuse)
    app.router.add_get("/refuse_too", refuse_too)
    app.router.add_get("/fail", fail)
    app.router.add_get("/move", move)
    app[SETTINGS] = HttpSettings()
    started: Client = await aiohttp_client(app)
    return started


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/refuse", 418, "first: limit_reached"),
        ("GET", "/refuse_too", 418, "second: limit_reached"),
        ("GET", "/refuse_too?forbidden", 418, "second: forbidden"),
        ("GET", "/none", 404, "first: not_found"),
        ("PUT", "/refuse", 405, "first: method_not_allowed"),
        ("PUT", "/refuse_too", 405, "second: method_not_allowed"),
        ("PUT", "/fail", 405, "first: method_not_allowed"),
        ("GET", "/fail", 500, "first: internal_error"),
    ],
)
async def test_an_error_has_the_form_of_its_dialect(
    client: Client, method: str, path: str, status: int, text: str
) -> None:
    async with client.request(method, path) as response:
        assert (response.status, await response.text()) == (status, text)
        assert response.headers["X-Dialect"] == text.partition(":")[0]
        assert response.content_type == "text/plain"
        assert response.headers.get("Allow") == ("GET,HEAD" if status == 405 else None)


async def test_what_is_no_error_is_left_alone(client: Client) -> None:
    async with client.get("/move", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (413, "request_entity_too_large"), (499, "http_499")])
def test_an_error_of_http_is_named_after_its_status(status: int, code: str) -> None:
    assert of_status(status, "Why") == HttpError(status, code, "Why")


def test_an_answer_can_be_the_last_bytes_of_a_connection() -> None:
    head, _, body = ErrorAnswer(INTERNAL.status, b"{}").encoded().partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 500 Internal Server Error",
        b"Content-Type: application/json; charset=utf-8",
        b"Connection: close",
        b"Content-Length: 2",
    ]
