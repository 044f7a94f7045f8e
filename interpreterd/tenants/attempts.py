"""Requests with wrong tokens: how many may come from one address, before their answer is to come again later.

A good token is never refused, whatever else comes from its address: many clients may be behind one proxy. So the limit
does not protect tokens of the daemon's own making, which need no protection: no number of attempts finds one. It keeps
the log short, and tells clients with a wrong token to slow down. Only a short token that somebody has chosen can be
guessed; from an address that has tried too often, it is taken only if it was taken from there before.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from attrs import define

ATTEMPTS_AT_ONCE: Final = 10
ATTEMPT_PERIOD_S: Final = 6.0
"""So long after an attempt one more is allowed: ten a minute."""
ADDRESSES_LIMIT: Final = 4096
_IPV6_BITS: Final = 64  # what one machine usually has


@define
class _Bucket:
    """The attempts from one address: how many are left, and when that was true."""

    left: float
    at: float
    known: bool = False


class Attempts:
    """The latest attempts of the latest addresses; the address that was quiet longest is forgotten first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take the time, in seconds, from ``clock``."""
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def fails(self, address: str) -> int:
        """Note a wrong token; return after how many seconds the next attempt is allowed, 0 if one is left."""
        bucket = self._bucket(address)
        if bucket.left < 1:
            return max(1, math.ceil((1 - bucket.left) * ATTEMPT_PERIOD_S))
        bucket.left -= 1
        return 0

    def guesses(self, address: str) -> int:
        """Note a short token, which is right; return as ``fails``, 0 also if it was taken from there before."""
        bucket = self._bucket(address)
        if bucket.left >= 1:
            bucket.known = True
        return 0 if bucket.known else max(1, math.ceil((1 - bucket.left) * ATTEMPT_PERIOD_S))

    def _bucket(self, address: str) -> _Bucket:
        name, now = network_of(address), self._clock()
        bucket = self._buckets.pop(name, None) or _Bucket(ATTEMPTS_AT_ONCE, now)
        bucket.left = min(float(ATTEMPTS_AT_ONCE), bucket.left + (now - bucket.at) / ATTEMPT_PERIOD_S)
        bucket.at = now
        self._buckets[name] = bucket
        if len(self._buckets) > ADDRESSES_LIMIT:
            self._buckets.popitem(last=False)
        return bucket


def network_of(address: str) -> str:
    """Return what is limited together with ``address``: of IPv6, the network that one machine usually has."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], _IPV6_BITS), strict=False))
    except ValueError:
        return address
