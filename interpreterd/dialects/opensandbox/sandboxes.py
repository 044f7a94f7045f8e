"""The lifecycle of sandboxes: there is one, the machine of the daemon, and it is always running.

OpenSandbox's SDK asks for a sandbox before it runs code, and for the address of its execution daemon: this daemon's.
"""

import time
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.opensandbox.errors import refused
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.http.fields import json_object, string
from interpreterd.http.timestamp import uncached_timestamp
from interpreterd.model.errors import InvalidRequest, MalformedRequest

ID: Final = "local"
DAEMON_PORTS: Final = (44772, 18080)
"""The ports of a sandbox's execution daemon and of its network's: this daemon answers for both."""
_NOT_FOUND: Final = "SANDBOX_NOT_FOUND"
_CREATE_KEYS: Final = frozenset({"metadata", "entrypoint"})
_STARTED: Final = time.time()


async def create_sandbox(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Tell of the sandbox; what else a client wants of one, as its image, is ignored."""
    body = json_object(await read_json(request), "the body", _CREATE_KEYS)
    metadata, entrypoint = body.get("metadata", {}), body.get("entrypoint", [])
    if not isinstance(metadata, dict) or not all(isinstance(it, str) for it in metadata.values()):
        raise MalformedRequest("metadata must be an object whose values are strings")
    if not isinstance(entrypoint, list) or not all(isinstance(it, str) for it in entrypoint):
        raise MalformedRequest("entrypoint must be a list of strings")
    return json_response(_body() | {"metadata": metadata, "entrypoint": entrypoint}, status=HTTPStatus.ACCEPTED)


async def get_sandbox(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show the sandbox."""
    return json_response(_body()) if request.match_info["id"] == ID else _not_found(request)


async def list_sandboxes(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List the sandbox."""
    pages = {"page": 1, "pageSize": 20, "totalItems": 1, "totalPages": 1, "hasNextPage": False}
    return json_response({"items": [_body()], "pagination": pages})


async def delete_sandbox(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Let a client be done with the sandbox, which others use: nothing ends."""
    return web.Response(status=HTTPStatus.NO_CONTENT) if request.match_info["id"] == ID else _not_found(request)


async def renew_sandbox(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Confirm the end that the client wants; the sandbox does not end."""
    if request.match_info["id"] != ID:
        return _not_found(request)
    expires = string(json_object(await read_json(request), "the body", frozenset({"expiresAt"})), "expiresAt")
    if not expires:
        raise InvalidRequest("expiresAt must be a time")
    return json_response({"expiresAt": expires})


async def get_endpoint(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Tell the address of a port of the sandbox: the client's own for the daemon's, and the machine's for others."""
    if request.match_info["id"] != ID:
        return _not_found(request)
    port = request.match_info["port"]
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        return refused(HTTPStatus.BAD_REQUEST, "INVALID_REQUEST", "port must be from 1 to 65535")
    host = request.headers[hdrs.HOST]
    if int(port) in DAEMON_PORTS:
        return json_response({"endpoint": host + _below(request), **_headers(request)})
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return json_response({"endpoint": f"{name}:{int(port)}"})


def _headers(request: web.Request) -> dict[str, Any]:
    """Return the headers that the SDK has to send there: the token that it has sent here."""
    token = request.headers.get("OPEN-SANDBOX-API-KEY", "")
    return {"headers": {"X-EXECD-ACCESS-TOKEN": token}} if token else {}


def _below(request: web.Request) -> str:
    """Return what is before this API's own paths, for a client behind a proxy."""
    return request.rel_url.raw_path.rpartition("/sandboxes/")[0].removesuffix("/v1")


def _body() -> dict[str, Any]:
    return {
        "id": ID,
        "status": {"state": "Running"},
        "createdAt": uncached_timestamp(_STARTED),
        "entrypoint": [],
        "metadata": {},
    }


def _not_found(request: web.Request) -> web.StreamResponse:
    return refused(HTTPStatus.NOT_FOUND, _NOT_FOUND, f"sandbox {request.match_info['id'][:100]} not found")
