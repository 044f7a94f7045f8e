"""The checks of the peer, of ``Host`` and of ``Origin`` before every route."""

import functools
import ipaddress
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from interpreterd.http.errors import Handler
from interpreterd.http.incoming import IncomingConnection
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import UNIX, HttpSettings, split_address
from interpreterd.model.errors import Forbidden

_ALLOWED_ORIGIN: Final = web.RequestKey("_ALLOWED_ORIGIN", str)  # of a foreign page that may use the daemon
_PREFLIGHT_AGE_S: Final = "600"


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests of processes that may not use the daemon, and those that a foreign web page may have sent.

    Who has opened the connection was judged at once, see ``keys.JUDGE``. ``Host`` must be a name of this daemon,
    against DNS rebinding. ``Origin``, which browsers send, must be the daemon's own or an allowed one. Answers to an
    allowed origin carry the CORS headers (fetch.spec.whatwg.org) that its page needs to read them.
    """
    connection = request.protocol
    if isinstance(connection, IncomingConnection) and connection.refusal is not None:
        raise Forbidden(connection.refusal)
    settings = request.app[SETTINGS]
    _check_host(request, settings)
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or _is_own(origin, request, settings):
        return await handler(request)
    if origin not in settings.allow_origin and "*" not in settings.allow_origin:
        raise Forbidden(f"origin not allowed: {origin}; --allow-origin allows it")
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(
            status=HTTPStatus.NO_CONTENT,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, PATCH, DELETE",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: request.headers.get(
                    hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "Content-Type"
                ),
                hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_AGE_S,
                hdrs.VARY: hdrs.ORIGIN,
            },
        )
    request[_ALLOWED_ORIGIN] = origin
    return await handler(request)


async def add_cors_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Let the page of an allowed origin read the answer; for ``Application.on_response_prepare``."""
    if (origin := request.get(_ALLOWED_ORIGIN)) is not None:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.VARY] = hdrs.ORIGIN


def _check_host(request: web.Request, settings: HttpSettings) -> None:
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1:
        raise Forbidden("exactly one Host header is needed")
    if not _is_allowed_host(hosts[0].lower(), settings.allow_host, _own_hosts(settings), _bound_address(request)):
        raise Forbidden(f"host not allowed: {hosts[0]}; --allow-host allows it")


@functools.lru_cache(maxsize=64)
def _is_allowed_host(
    host: str, allow_host: tuple[str, ...], own_hosts: frozenset[str], bound_address: str | None
) -> bool:
    allowed = [name.lower() for name in allow_host]
    if "*" in allowed or host in allowed:
        return True
    name = _hostname(host)
    return name is not None and (name in allowed or _is_own_name(name, own_hosts, bound_address))


def _is_own(origin: str, request: web.Request, settings: HttpSettings) -> bool:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    if parts.netloc.lower() == request.headers[hdrs.HOST].lower():  # Host has been checked
        return True
    # A unix socket has no port, and no page of its own except that of a proxy before it.
    bound_port = _bound_port(request)
    return (
        bound_port is not None
        and port == bound_port
        and _is_own_name(parts.hostname, _own_hosts(settings), _bound_address(request))
    )


@functools.lru_cache(maxsize=64)
def _own_hosts(settings: HttpSettings) -> frozenset[str]:
    """The hosts that the daemon has been told to listen on."""
    hosts = (split_address(it)[0] for it in settings.addresses() if not it.startswith(UNIX))
    return frozenset(host.lower() for host in ("localhost", *hosts))


def _is_own_name(name: str, own_hosts: frozenset[str], bound_address: str | None) -> bool:
    if name in own_hosts or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or name == bound_address


def _hostname(host: str) -> str | None:
    try:
        name = urlsplit("//" + host).hostname
    except ValueError:
        return None
    return name.removesuffix(".") if name else None


def _bound_address(request: web.Request) -> str | None:
    """The address at which this connection arrived: with ``--host 0.0.0.0`` any address of the machine."""
    name = request.get_extra_info("sockname")
    return str(name[0]) if isinstance(name, tuple) else None


def _bound_port(request: web.Request) -> int | None:
    name = request.get_extra_info("sockname")
    return int(name[1]) if isinstance(name, tuple) else None
