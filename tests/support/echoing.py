"""A server of one WebSocket route, which echoes."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.test_utils import TestClient
from harness import AppServer

from interpreterd.http.closing import Closing
from interpreterd.http.errors import SHOW, SHOWS, ErrorAnswer, HttpError, show_errors
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.model.errors import InterpreterError

Client = TestClient[web.Request, web.Application]
LIMIT_BYTES = 1000


def show(error: InterpreterError | HttpError) -> ErrorAnswer:
    return ErrorAnswer(426, error.code.encode())


async def echo(request: web.Request) -> web.StreamResponse:
    """Echo each message until "end"; fail at "fail"."""
    socket = open_socket(request, subprotocol="mine")
    try:
        while (message := await socket.receive()) is not None:
            assert message.data != b"fail"
            if message.data == b"end":
                socket.finish(Closing(4001, b"why"), b"the last", b"words")
            else:
                await socket.send(message.data)
    finally:
        await socket.leave()
    return UPGRADED


@contextlib.asynccontextmanager
async def open_client() -> AsyncIterator[Client]:
    """Yield a client of the route, which is at the root."""
    app = web.Application(middlewares=[show_errors])
    app[SETTINGS] = HttpSettings(body_limit_bytes=LIMIT_BYTES)
    app[SHOW], app[SHOWS] = show, {}
    app.router.add_get("/", echo)
    async with TestClient(AppServer(app)) as client:
        yield client
