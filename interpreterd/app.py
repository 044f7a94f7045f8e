"""The application: takes settings, a launcher and dialects, returns an ``aiohttp.web.Application``."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from aiohttp import web

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.dialect import Dialect
from interpreterd.dialects.late import LateDialect
from interpreterd.dialects.late_routes import LateRoutes
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
    name is a dialect's of this package.
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
    spoken = [_spoken(it, LocalContexts(manager, settings.files)) for it in dialects or settings.dialects.dialects]
    app[SHOW] = spoken[0].show
    late = []
    for dialect in spoken:
        if isinstance(dialect, LateDialect):
            late.append(dialect)
        else:
            _mount(app, dialect, LocalContexts(manager, settings.files))
    if late:
        app.router.register_resource(LateRoutes(late, settings.http.base_path, app[SHOWS], app.router))
        app.on_shutdown.append(_closing(late))
    return app


def _spoken(dialect: Dialect | str, service: ContextService) -> Dialect | LateDialect:
    if isinstance(dialect, str):
        return Native() if dialect == Native.name else LateDialect(dialect, service)
    return dialect


def _closing(dialects: Sequence[LateDialect]) -> Callable[[web.Application], Awaitable[None]]:
    async def close(app: web.Application) -> None:
        for dialect in dialects:
            await dialect.close()

    return close


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
