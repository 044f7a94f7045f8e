"""The address of the client of a request: the connection's, or the one that a trusted proxy names."""

import functools
import ipaddress
from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs, web

from interpreterd.http.keys import SETTINGS

UNIX_PEER: Final = "unix"
FORWARDED_FOR: Final = "X-Forwarded-For"
_CLIENT: Final = web.RequestKey("_CLIENT", str)
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: web.Request) -> str:
    """Return the IP address of the client, without a port; ``unix`` for a client at a unix socket.

    A trusted proxy names it by the PROXY protocol, or by ``Forwarded`` or ``X-Forwarded-For``: of the addresses there
    the last one counts that is no trusted proxy's itself. Headers of others do not count: anyone can send them. A proxy
    writes one of the two headers, and passes the other one on as it came: if they differ, neither is believed.
    """
    known = request.get(_CLIENT)
    if known is None:
        known = request[_CLIENT] = _find(request)
    return known


def is_trusted(peer: str, proxies: tuple[str, ...]) -> bool:
    """Return whether ``peer``, an IP address or ``unix``, is one of ``proxies``: see ``--trusted-proxy``."""
    if not proxies:
        return False
    if peer == UNIX_PEER:
        return UNIX_PEER in proxies
    address = _address(peer)
    return address is not None and any(address in network for network in _networks(proxies))


def peer_of(name: object) -> str:
    """Return the address of a socket's other side, as ``getpeername`` names it."""
    if not isinstance(name, tuple):
        return UNIX_PEER
    address = _address(str(name[0]))
    return str(name[0]) if address is None else str(address)


def _find(request: web.Request) -> str:
    proxied: str | None = getattr(request.protocol, "proxied", None)  # of an ``IncomingConnection``
    peer = proxied or peer_of(request.get_extra_info("peername"))
    proxies = request.app[SETTINGS].trusted_proxy
    if not is_trusted(peer, proxies):
        return peer
    named = {_last_stranger(peer, hops, proxies) for hops in _hops(request)}
    return named.pop() if len(named) == 1 else peer


def _last_stranger(peer: str, hops: list[str], proxies: tuple[str, ...]) -> str:
    """Return the last of ``hops`` that is no trusted proxy's; ``peer`` has named the last of them."""
    for hop in reversed(hops):
        address = _address(hop)
        if address is None:  # ``unknown``, or a made-up name: nothing before it can be believed
            break
        peer = str(address)
        if not is_trusted(peer, proxies):
            break
    return peer


def _hops(request: web.Request) -> Iterable[list[str]]:
    """Yield the addresses in each header that is there, the client's own first: RFC 7239, and ``X-Forwarded-For``."""
    if forwarded := request.headers.getall(hdrs.FORWARDED, []):
        yield [_forwarded_for(element) for element in ",".join(forwarded).split(",")]
    if noted := request.headers.getall(FORWARDED_FOR, []):
        yield ",".join(noted).split(",")


def _forwarded_for(element: str) -> str:
    pairs = (pair.partition("=") for pair in element.split(";"))
    return next((value.strip() for name, _, value in pairs if name.strip().lower() == "for"), "unknown")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address in ``text``, which may have quotes, brackets, a port or a zone; None if there is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=16)
def _networks(proxies: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(it) for it in proxies if it != UNIX_PEER)
