"""Patterns of paths: ``*``, ``?`` and ``[…]`` within a name, and ``**`` for any number of directories."""

import fnmatch
import re
from typing import Final

from interpreterd.model.file_errors import InvalidPath

PATTERN_LIMIT_CHARS: Final = 1000
PARTS_LIMIT: Final = 32
States = frozenset[int]
"""How far into the pattern the names so far may have come: numbers of its parts."""


class Glob:
    """One pattern. A walker gives it the names of a path, one after the other."""

    def __init__(self, pattern: str) -> None:
        """Raises ``InvalidPath``."""
        parts = pattern.split("/")
        if not pattern or len(pattern) > PATTERN_LIMIT_CHARS or len(parts) > PARTS_LIMIT:
            raise InvalidPath(
                f"glob must have 1 to {PATTERN_LIMIT_CHARS} characters, and at most {PARTS_LIMIT} parts between slashes"
            )
        if {"", ".", ".."} & set(parts) or "\0" in pattern:
            raise InvalidPath("glob must have patterns of names between its slashes, and neither '.' nor '..'")
        # None is ``**``.
        self._parts = [None if part == "**" else re.compile(fnmatch.translate(part)) for part in parts]

    @property
    def start(self) -> States:
        """The states before the first name."""
        return self._closed({0})

    def step(self, states: States, name: str) -> States:
        """Return the states after one more name; none if no path that begins so can match."""
        after: set[int] = set()
        for state in states:
            if state < len(self._parts):
                part = self._parts[state]
                if part is None:
                    after.add(state)
                elif part.match(name):
                    after.add(state + 1)
        return self._closed(after)

    def matches(self, states: States) -> bool:
        """Return whether the names so far match."""
        return len(self._parts) in states

    def goes_on(self, states: States) -> bool:
        """Return whether a path with more names can match."""
        return any(state < len(self._parts) for state in states)

    def _closed(self, states: set[int]) -> States:
        """Add the states behind each ``**``, which may stand for no directory."""
        for state in list(states):
            while state < len(self._parts) and self._parts[state] is None:
                state += 1
                states.add(state)
        return frozenset(states)
