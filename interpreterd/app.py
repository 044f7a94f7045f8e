"""The application: takes settings, a launcher and dialects, returns an ``aiohttp.web.Application``."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.dialect import Dialect
from interpreterd.dialects.latecomers import Latecomers
from interpreterd.dialects.native.routes import Native
from interpreterd.http.bodies import go_on
from interpreterd.http.errors import SHOW, SHOWS, show_errors
from interpreterd.http.farewells import expect_farewells
from interpreterd.http.keys import SETTINGS
from interpreterd.http.origin import add_cors_headers, refuse_strangers
from interpreterd.settings import Settings
from interpreterd.workers.launcher import Launcher

MANAGER = web.AppKey("MANAGER", Manager)


def make_app(
    *, settings: Settings, launcher: Launcher, dialects: Sequence[Dialect | str] | None = None
) -> web.Application:
    """Return the daemon's application; it starts nothing until it is run. ``launcher`` stays the caller's.

    ``dialects`` are those of the settings by default; a request without a route is answered as the first one does. A
    name is that of a dialect of this package.
    """
    app = web.Application(middlewares=[show_errors, refuse_strangers])
    app[SETTINGS] = settings.http
    app[MANAGER] = manager = Manager(settings.contexts, settings.workers, launcher)
    app[SHOWS] = {}
    app.on_response_prepare.append(add_cors_headers)
    app.cleanup_ctx.append(_run_manager)
    # Before aiohttp waits for its handlers, which wait for the executions that this ends.
    app.on_shutdown.append(_close_manager)
    expect_farewells(app)
    chosen = dialects or settings.dialects.dialects
    late = [it for it in chosen if isinstance(it, str) and it != Native.name]
    latecomers = Latecomers(
        late, lambda: LocalContexts(manager, settings.files), settings.http.base_path, app[SHOWS], app.router
    )
    spoken = [Native() if it == Native.name else it for it in chosen]
    app[SHOW] = latecomers.show_first if isinstance(spoken[0], str) else spoken[0].show
    for dialect in spoken:
        if not isinstance(dialect, str):
            _mount(app, dialect, LocalContexts(manager, settings.files))
    if late:
        app.router.register_resource(latecomers)
        app.on_shutdown.append(latecomers.close)
    return app


def _mount(app: web.Application, dialect: Dialect, service: ContextService) -> None:
    """Add the routes of ``dialect`` to ``app``, and once more below its base path."""
    for it in dialect.routes(service):
        app[SHOWS][it.handler] = dialect.show
        for base_path in {"": None, app[SETTINGS].base_path: None}:
            more = {"expect_handler": go_on, **it.kwargs}
            app.add_routes([web.RouteDef(it.method, base_path + it.path, it.handler, more)])


async def _run_manager(app: web.Application) -> AsyncIterator[None]:
    async with app[MANAGER]:
        yield


async def _close_manager(app: web.Application) -> None:
    await app[MANAGER].close()
