"""The memory of requests that executions still need: code and environment."""

import sys
from typing import Final, Self

from interpreterd.model.errors import LimitReached
from interpreterd.model.limits import size_in_words
from interpreterd.model.memory import memory_bytes
from interpreterd.model.requests import Execute

_REQUEST_BYTES: Final = 4096  # the rest of a request: some 2.8 KiB, measured
_VARIABLE_BYTES: Final = (
    128  # the cost of a variable, or of an expression, in a dictionary, besides its name and its value
)


class Holdings:
    """The memory of the requests of waiting and running executions.

    Attributes:
        bytes: The sum.
    """

    def __init__(self, limit_bytes: int, whose: str, *, within: Self | None = None) -> None:
        """Refuse beyond ``limit_bytes``; ``whose`` begins that sentence. All memory counts ``within``, too."""
        self.bytes = 0
        self._limit_bytes = limit_bytes
        self._whose = whose
        self._within = within

    def take(self, size_bytes: int) -> None:
        """Hold more. Raises ``LimitReached`` without a change."""
        if self.bytes + size_bytes > self._limit_bytes:
            limit = size_in_words(self._limit_bytes)
            raise LimitReached(f"{self._whose} too much code: the limit for waiting and running code is {limit}")
        if self._within is not None:
            self._within.take(size_bytes)
        self.bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Hold less."""
        self.bytes -= size_bytes
        if self._within is not None:
            self._within.give_back(size_bytes)


def held_bytes(request: Execute, code_utf8_bytes: int) -> int:
    """Return the memory of ``request``: one wide character makes every character of a ``str`` take four bytes.

    Its code exists twice more as UTF-8: as the client has sent it, and on its way to the worker.
    """
    size_bytes = _REQUEST_BYTES + sys.getsizeof(request.code) + 2 * code_utf8_bytes
    for texts in (request.envs, request.expressions):
        for name, value in texts.items():
            size_bytes += sys.getsizeof(name) + sys.getsizeof(value) + _VARIABLE_BYTES
    return size_bytes + (memory_bytes(request.functions) if request.functions else 0)
