"""The keys under which the application carries its parts."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from interpreterd.contexts.manager import Manager
from interpreterd.http.settings import HttpSettings
from interpreterd.workers.launcher import Launcher

SETTINGS = web.AppKey("SETTINGS", HttpSettings)
LAUNCHER = web.AppKey("LAUNCHER", Launcher)
MANAGER = web.AppKey("MANAGER", Manager)
Farewell = Callable[[], Awaitable[None]]
FAREWELLS: web.AppKey[set[Farewell]] = web.AppKey("FAREWELLS", set)
"""What to do, when the daemon ends, for connections that would stay open."""
SILENT = web.AppKey("SILENT", set[asyncio.Timeout])
"""WebSocket clients that have not said anything yet: until when each one may take."""
