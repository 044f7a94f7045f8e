"""The end of connections that would stay open when the daemon ends: silent clients, and sessions."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Farewell = Callable[[], Awaitable[None]]
FAREWELLS: web.AppKey[set[Farewell]] = web.AppKey("FAREWELLS", set)
"""What to do for each connection that may always say more; it has to come to its end."""
Dismiss = Callable[[], None]
SILENT: web.AppKey[set[Dismiss]] = web.AppKey("SILENT", set)
"""How to dismiss each WebSocket client that has not said anything yet."""


def expect_farewells(app: web.Application) -> None:
    """Let ``app`` say farewell, and dismiss silent clients, before aiohttp waits for its handlers."""
    app[FAREWELLS] = set()
    app[SILENT] = set()
    app.on_shutdown.extend([_dismiss_silent, _say_farewells])


async def _dismiss_silent(app: web.Application) -> None:
    for dismiss in app[SILENT]:
        dismiss()


async def _say_farewells(app: web.Application) -> None:
    farewells = app[FAREWELLS]
    await asyncio.gather(*(say_farewell() for say_farewell in list(farewells)))
