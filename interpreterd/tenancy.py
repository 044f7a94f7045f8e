"""The parts of an application whose clients must send tokens, put together. It is imported only for such a one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.dialect import Dialect
from interpreterd.http.auth import IDENTITY, needing_tokens
from interpreterd.http.keys import RELOADS
from interpreterd.http.open_requests import OpenRequests
from interpreterd.model.identity import Identity
from interpreterd.settings import Settings
from interpreterd.tenants.tenants import Tenants
from interpreterd.tenants.tokens import Token

NOBODY = Identity(role="read", sees_all=False)
"""The identity of requests that need no token, because they ask for nothing of any tenant."""


def need_tokens(
    app: web.Application, contexts: LocalContexts, settings: Settings, token: Token | None
) -> Callable[[web.Request], ContextService]:
    """Let ``app`` take only requests with a token; return which of ``contexts`` a request gets.

    Raises:
        BadTokenFile
    """
    tenants = Tenants(contexts, token_file=settings.tenants.token_file, chosen=token, clock=time.monotonic)
    open_requests = OpenRequests()
    app.middlewares.append(needing_tokens(tenants, open_requests, settings.http.base_path))

    async def reload() -> None:
        open_requests.end(await asyncio.to_thread(tenants.reload))

    app[RELOADS].append(reload)
    return lambda request: tenants.contexts_of(request.get(IDENTITY, NOBODY))


def routes_by_tenant(
    dialect: Dialect, first: ContextService, service_of: Callable[[web.Request], ContextService]
) -> Iterator[web.RouteDef]:
    """Yield the routes of ``dialect``; the handlers of a request have the contexts that ``service_of`` it returns."""
    made: dict[ContextService, list[Callable[[web.Request], Awaitable[web.StreamResponse]]]] = {}

    def handler(number: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            service = service_of(request)
            if service not in made:
                made[service] = [it.handler for it in dialect.routes(service)]
            return await made[service][number](request)

        return handle

    for number, it in enumerate(dialect.routes(first)):
        yield web.RouteDef(it.method, it.path, handler(number), it.kwargs)
