"""Moments as clients read them."""

import functools
from datetime import datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)  # UTC; one that knows it takes twice as long to format


@functools.lru_cache(maxsize=2048)  # half a megabyte: who lists a thousand contexts does so again, and most have rested
def timestamp(moment: float) -> str:
    """Return ``moment``, in seconds since the epoch, as clients read it: RFC 3339, UTC."""
    return (_EPOCH + timedelta(seconds=moment)).isoformat(timespec="microseconds") + "Z"
