"""The application: takes settings, a launcher and dialects, returns an ``aiohttp.web.Application``."""

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.dialect import Dialect
from interpreterd.dialects.latecomers import Latecomers
from interpreterd.dialects.native.routes import Native
from interpreterd.http import readiness
from interpreterd.http.bodies import go_on
from interpreterd.http.errors import SHOW, SHOWS, show_errors
from interpreterd.http.farewells import expect_farewells
from interpreterd.http.keys import BOUND, JUDGE, METRICS, RELOADS, SETTINGS
from interpreterd.http.origin import add_cors_headers, refuse_strangers
from interpreterd.http.request_ids import add_request_id
from interpreterd.model.names import METRICS_PATH
from interpreterd.monitoring.scraping import Metrics
from interpreterd.settings import Settings
from interpreterd.workers.isolation.isolator import Isolator
from interpreterd.workers.launcher import Launcher

if TYPE_CHECKING:
    from interpreterd.tenants.tokens import Token

MANAGER = web.AppKey("MANAGER", Manager)


def make_app(
    *,
    settings: Settings,
    launcher: Launcher,
    isolator: Isolator | None = None,
    dialects: Sequence[Dialect | str] | None = None,
    token: "Token | None" = None,
) -> web.Application:
    """Return the daemon's application; it starts nothing until it is run.

    ``launcher`` and ``isolator`` stay the caller's; without the latter, no context can be isolated.

    ``dialects`` are those of the settings by default; a request without a route is answered as the first one does. A
    name is that of a dialect of this package. Clients must send a token if there is a ``token``, or if the settings
    name a file of tokens.

    Raises:
        BadTokenFile
    """
    app = web.Application(middlewares=[show_errors, refuse_strangers])
    app[SETTINGS] = settings.http
    app[METRICS] = Metrics(settings.monitoring)
    app[BOUND], app[readiness.READINESS] = [], readiness.Readiness()
    app.add_routes(readiness.routes(settings.http.base_path))
    app[MANAGER] = manager = Manager(settings.contexts, settings.workers, launcher, isolator, settings.state)
    app[JUDGE] = manager.peers.refusal
    app[SHOWS] = {}
    app[RELOADS] = []
    app.on_response_prepare.append(add_cors_headers)
    app.on_response_prepare.append(add_request_id)
    app.cleanup_ctx.append(_run_manager)
    # Before aiohttp waits for its handlers, which wait for the executions that this ends.
    app.on_shutdown.append(_close_manager)
    expect_farewells(app)
    chosen = dialects or settings.dialects.dialects
    contexts = LocalContexts(manager, settings.files)
    service_of: Callable[[web.Request], ContextService] = lambda _: contexts  # noqa: E731
    routes_of: Callable[[Dialect], Iterable[web.RouteDef]] = lambda dialect: dialect.routes(contexts)  # noqa: E731
    if token or settings.tenants.token_file:
        from interpreterd import tenancy  # a daemon without tokens does not need it

        service_of = tenancy.need_tokens(app, contexts, settings, token)
        routes_of = functools.partial(tenancy.routes_by_tenant, first=contexts, service_of=service_of)
    late = [it for it in chosen if isinstance(it, str) and it != Native.name]
    latecomers = Latecomers(late, service_of, settings.http.base_path, app[SHOWS], app.router)
    spoken = [Native() if it == Native.name else it for it in chosen]
    app[SHOW] = latecomers.show_first if isinstance(spoken[0], str) else spoken[0].show
    if late:
        for base_path in {"": None, settings.http.base_path: None}:
            app.router.register_resource(latecomers.first_at(base_path + METRICS_PATH))
    for dialect in spoken:
        if not isinstance(dialect, str):
            _mount(app, dialect, routes_of(dialect))
    if late:
        app.router.register_resource(latecomers)
        app.on_shutdown.append(latecomers.close)
    return app


def _mount(app: web.Application, dialect: Dialect, routes: Iterable[web.RouteDef]) -> None:
    """Add ``routes`` of ``dialect`` to ``app``, and once more below its base path."""
    for it in routes:
        app[SHOWS][it.handler] = dialect.show
        for base_path in {"": None, app[SETTINGS].base_path: None}:
            more = {"expect_handler": go_on, **it.kwargs}
            app.add_routes([web.RouteDef(it.method, base_path + it.path, it.handler, more)])


async def _run_manager(app: web.Application) -> AsyncIterator[None]:
    async with app[MANAGER]:
        yield


async def _close_manager(app: web.Application) -> None:
    app[METRICS].close()
    await app[MANAGER].close()
