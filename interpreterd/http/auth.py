"""The identity of a request, by its token, which clients of each API put elsewhere."""

from collections.abc import Iterator
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from interpreterd.http.errors import Handler
from interpreterd.http.open_requests import OpenRequests
from interpreterd.http.peers import client_address
from interpreterd.http.websocket.handshake import TOKEN_SUBPROTOCOL
from interpreterd.model.identity import CURRENT, Identity
from interpreterd.model.names import HEALTH_PATHS
from interpreterd.tenants.refusing import refuse
from interpreterd.tenants.tenants import Tenants

IDENTITY: Final = web.RequestKey("IDENTITY", Identity)
"""The identity of a request, if the daemon needs tokens."""
ACTS_FOR: Final = "X-Tenant"
TOKEN_SCHEMES: Final = ("bearer", "token")  # the second is Jupyter's
TOKEN_HEADERS: Final = ("X-API-Key", "X-Access-Token", "X-EXECD-ACCESS-TOKEN", "OPEN-SANDBOX-API-KEY")
"""Those of E2B's and of OpenSandbox's clients."""
TOKEN_QUERY: Final = "token"
QUERY_PATHS: Final = ("/api", "/kernelspecs")
"""The beginnings of the paths of Jupyter's API, whose clients put a token into the query; it gets into no log here."""
READING_METHODS: Final = (hdrs.METH_GET, hdrs.METH_HEAD)


def needing_tokens(tenants: Tenants, open_requests: OpenRequests, base_path: str) -> Middleware:
    """Return a middleware that lets only requests with a token pass, and those that ask whether the daemon is well."""
    open_paths = {below + path for below in ("", base_path) for path in HEALTH_PATHS}
    query_paths = tuple({below + path for below in ("", base_path) for path in QUERY_PATHS})

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in open_paths and request.method in READING_METHODS:
            return await handler(request)
        identity = tenants.identify(
            credentials(request, query_paths), client_address(request), request.headers.get(ACTS_FOR)
        )
        if identity.role == "read" and request.method not in READING_METHODS:
            refuse()
        open_requests.check(identity.tenant, tenants.connection_limit(identity.tenant))
        request[IDENTITY] = identity
        CURRENT.set(identity)
        with open_requests.open(request, identity):
            return await handler(request)

    return check


def credentials(request: web.Request, query_paths: tuple[str, ...] = QUERY_PATHS) -> Iterator[str]:
    """Yield what may be a token in ``request``, none of it empty.

    Jupyter's server sends ``Authorization: token`` without a token, and E2B's clients name a user in ``Authorization:
    Basic``: neither is a wrong token.
    """
    headers = request.headers
    for value in headers.getall(hdrs.AUTHORIZATION, ()):
        scheme, _, text = value.strip().partition(" ")
        if scheme.lower() in TOKEN_SCHEMES and (text := text.strip()):
            yield text
    for name in TOKEN_HEADERS:
        if text := headers.get(name, "").strip():
            yield text
    for value in headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ()):
        for offer in value.split(","):
            if (offer := offer.strip()).startswith(TOKEN_SUBPROTOCOL) and len(offer) > len(TOKEN_SUBPROTOCOL):
                yield offer.removeprefix(TOKEN_SUBPROTOCOL)
    if request.query_string and request.path.startswith(query_paths):
        yield from filter(None, request.query.getall(TOKEN_QUERY, ()))
