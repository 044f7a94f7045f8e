"""Pictures that were too large for a result, kept for clients that read them."""

from typing import Final

from interpreterd.mcp.gathering import Shot

KEPT_BYTES: Final = 32 << 20
SCHEME: Final = "interpreterd://"


class KeptShots:
    """The latest pictures, ``KEPT_BYTES`` of them; the oldest are dropped first."""

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._kept: dict[str, Shot] = {}
        self._bytes = 0
        self._number = 0

    def keep(self, execution_id: str, shot: Shot) -> str:
        """Keep a picture; return its URI. One that is larger than all that is kept is dropped at once."""
        self._number += 1
        uri = f"{SCHEME}executions/{execution_id}/images/{self._number}"
        self._kept[uri] = shot
        self._bytes += len(shot.data)
        while self._bytes > self._limit_bytes:
            oldest = next(iter(self._kept))
            self._bytes -= len(self._kept.pop(oldest).data)
        return uri

    def get(self, uri: str) -> Shot | None:
        """Return a picture, if it is still kept."""
        return self._kept.get(uri)
