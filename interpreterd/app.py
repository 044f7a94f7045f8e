"""The application: takes settings and a launcher, returns an ``aiohttp.web.Application``."""

import functools
from collections.abc import AsyncIterator

from aiohttp import web

from interpreterd.contexts.manager import Manager
from interpreterd.dialects.native.contexts import add_routes
from interpreterd.dialects.native.errors import error_answer
from interpreterd.dialects.native.execute_socket import dismiss_silent
from interpreterd.dialects.native.session_socket import say_farewells
from interpreterd.http.errors import SHOW, SHOWS, show_errors
from interpreterd.http.keys import FAREWELLS, LAUNCHER, MANAGER, SETTINGS, SILENT
from interpreterd.http.origin import add_cors_headers, refuse_strangers
from interpreterd.settings import Settings
from interpreterd.workers.launcher import Launcher


def make_app(*, settings: Settings, launcher: Launcher) -> web.Application:
    """Return the daemon's application; it starts nothing until it is run. ``launcher`` stays the caller's."""
    app = web.Application(middlewares=[show_errors, refuse_strangers])
    app[SETTINGS] = settings.http
    app[LAUNCHER] = launcher
    app[SHOW] = error_answer
    app[SHOWS] = {}
    app[SILENT] = set()
    app[FAREWELLS] = set()
    app.on_response_prepare.append(add_cors_headers)
    app.cleanup_ctx.append(functools.partial(_run_manager, settings))
    # Before aiohttp waits for its handlers, which wait for the executions that this ends.
    app.on_shutdown.extend([_close_manager, dismiss_silent, say_farewells])
    add_routes(app)
    return app


async def _run_manager(settings: Settings, app: web.Application) -> AsyncIterator[None]:
    async with Manager(settings.contexts, settings.workers, app[LAUNCHER]) as manager:
        app[MANAGER] = manager
        yield


async def _close_manager(app: web.Application) -> None:
    await app[MANAGER].close()
