"""The API itself."""

from typing import Final

from aiohttp import web

from interpreterd.dialects.jupyter.hub import Hub
from interpreterd.http.answers import json_response

SERVER_VERSION: Final = "2.21.1"
"""The version of Jupyter Server whose API this is; clients choose by it what they may ask."""


async def api(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Tell the version of the API."""
    return json_response({"version": SERVER_VERSION})
