"""Limits of reading on after a refusal; see ``incoming``."""

import asyncio
from typing import Final

LINGER_S: Final = 10.0
LINGER_BYTES: Final = 256 << 20


class Lingering:
    """The amount that is still read from a refused client."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = loop.create_future()
        self._left = LINGER_BYTES

    def drop(self, size: int) -> None:
        """Count dropped bytes."""
        self._left -= size
        if self._left < 0:
            self.end()

    def end(self) -> None:
        """Read no more."""
        if not self.ended.done():
            self.ended.set_result(None)
