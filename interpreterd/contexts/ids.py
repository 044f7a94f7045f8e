"""Ids of contexts and executions: random UUIDs of version 4 (RFC 9562), which no client can guess.

``uuid.uuid4`` asks the kernel for each, and makes an object of which only the text is needed: that took three per cent
of the daemon's time for a short execution.
"""

import os
from collections.abc import Callable, Sequence
from typing import Final

from interpreterd.model.errors import InterpreterError

IDS_AT_ONCE: Final = 256  # 4 KiB of random bytes
_ID_BYTES: Final = 16


class Ids:
    """A source of ids. Not thread-safe. After a fork, the child must ``forget``, or both would have the same ids."""

    def __init__(self) -> None:
        self._random = b""
        self._used = 0

    def new(self) -> str:
        """Return an id that nothing else has."""
        if self._used == len(self._random):
            self._random = os.urandom(IDS_AT_ONCE * _ID_BYTES)
            self._used = 0
        digits = self._random[self._used : self._used + _ID_BYTES].hex()
        self._used += _ID_BYTES
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def forget(self) -> None:
        """Drop the random bytes that are left."""
        self._random = b""
        self._used = 0


_ids = Ids()
os.register_at_fork(after_in_child=_ids.forget)
new_id: Final = _ids.new


def ids_after(ids: Sequence[str], last: str | None, not_found: Callable[[str], InterpreterError]) -> Sequence[str]:
    """Return the ``ids`` after ``last``, or all for None; raise ``not_found`` if ``last`` is not one of them."""
    if last is None:
        return ids
    if last not in ids:
        raise not_found(last)
    return ids[ids.index(last) + 1 :]
