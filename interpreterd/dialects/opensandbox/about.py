"""The execution daemon itself."""

from aiohttp import web

from interpreterd.contexts.service import ContextService


async def ping(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Answer as long as the daemon is alive."""
    return web.Response()
