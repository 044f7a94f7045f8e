"""The end of connections that would stay open when the daemon ends: silent clients, and sessions."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Farewell = Callable[[], Awaitable[None]]
FAREWELLS: web.AppKey[set[Farewell]] = web.AppKey("FAREWELLS", set)
"""What to do for each connection that may always say more; it has to come to its end."""
SILENT: web.AppKey[set[asyncio.Timeout]] = web.AppKey("SILENT", set)
"""Until when each WebSocket client may take that has not said anything yet."""


def expect_farewells(app: web.Application) -> None:
    """Let ``app`` say farewell, and dismiss silent clients, before aiohttp waits for its handlers."""
    app[FAREWELLS] = set()
    app[SILENT] = set()
    app.on_shutdown.extend([_dismiss_silent, _say_farewells])


async def _dismiss_silent(app: web.Application) -> None:
    for timeout in app[SILENT]:
        if not timeout.expired():
            timeout.reschedule(asyncio.get_running_loop().time())


async def _say_farewells(app: web.Application) -> None:
    farewells = app[FAREWELLS]
    await asyncio.gather(*(say_farewell() for say_farewell in list(farewells)))
