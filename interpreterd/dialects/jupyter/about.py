"""The API itself."""

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.http.answers import json_response


async def api(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Tell the version of the server that this API is one of."""
    return json_response({"version": "2.17.0"})
