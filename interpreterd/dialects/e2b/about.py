"""The server itself."""

from aiohttp import web

from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.http.answers import json_response


async def health(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Answer as long as the daemon is alive."""
    return json_response("OK")
