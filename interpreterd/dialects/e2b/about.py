"""The server itself."""

from aiohttp import web

from interpreterd.contexts.service import ContextService


async def health(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Answer as long as the daemon is alive."""
    return web.Response(text="OK")
