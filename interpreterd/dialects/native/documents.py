"""The API described for programs: OpenAPI 3.1 of plain HTTP, AsyncAPI 3.0 of the WebSockets.

Both are written by hand, and share schemas: ``asyncapi.json`` refers to its neighbour, so they are served side by side.
Tests compare them with the routes, with every example in ``tests/golden``, and with a daemon's answers.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Final

from aiohttp import web

from interpreterd.http.answers import encoded_response

# Read at import, and not on the event loop, which a file would block.
DOCUMENTS: Final[Mapping[str, bytes]] = {
    name: resources.files(__package__).joinpath(name).read_bytes() for name in ("openapi.json", "asyncapi.json")
}


async def openapi(request: web.Request) -> web.StreamResponse:
    """Describe the routes."""
    return encoded_response(DOCUMENTS["openapi.json"])


async def asyncapi(request: web.Request) -> web.StreamResponse:
    """Describe the messages of the WebSockets."""
    return encoded_response(DOCUMENTS["asyncapi.json"])
