"""Moments as clients read them."""

import functools
from datetime import datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)  # UTC; a datetime with a time zone takes twice as long to format


# A megabyte: a client lists a thousand contexts again and again, and most have rested.
@functools.lru_cache(maxsize=4096)
def timestamp(moment: float) -> str:
    """Return ``moment``, in seconds since the epoch, as clients read it: RFC 3339, UTC."""
    return uncached_timestamp(moment)


def uncached_timestamp(moment: float) -> str:
    """Return the same of a moment for which no client asks again."""
    return (_EPOCH + timedelta(seconds=moment)).isoformat(timespec="microseconds") + "Z"
