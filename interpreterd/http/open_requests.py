"""The requests that are being answered, with their identities: how many, and how to end them."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from aiohttp import web

from interpreterd.http.closing import POLICY_VIOLATION, Closing
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.model.access_errors import QuotaReached
from interpreterd.model.identity import Identity

REVOKED: Final = Closing(POLICY_VIOLATION, b"the token is no longer valid")


class OpenRequests:
    """The open requests of all identities; a WebSocket is open as long as its connection."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[web.Request, Identity]] = {}  # by id(): requests are not hashable
        self._counts: Counter[str] = Counter()

    def count(self, tenant: str) -> int:
        """Return how many a tenant has."""
        return self._counts[tenant]

    def check(self, tenant: str, limit: int | None) -> None:
        """Raise ``QuotaReached`` if a tenant may have no further one."""
        if limit is not None and self._counts[tenant] >= limit:
            raise QuotaReached(f"too many open connections: the tenant's limit max-connections is {limit}")

    @contextlib.contextmanager
    def open(self, request: web.Request, identity: Identity) -> Iterator[None]:
        """Count ``request`` within the block."""
        self._open[id(request)] = request, identity
        self._counts[identity.tenant] += 1
        try:
            yield
        finally:
            del self._open[id(request)]
            self._counts[identity.tenant] -= 1

    def end(self, is_outdated: Callable[[Identity], bool]) -> None:
        """End those of identities that are no longer true: WebSockets with a reason, other connections at once."""
        for request, identity in list(self._open.values()):
            if not is_outdated(identity) or (transport := request.transport) is None:
                continue
            protocol = transport.get_protocol()
            if isinstance(protocol, WebSocket):
                protocol.finish(REVOKED)
            else:
                transport.abort()
