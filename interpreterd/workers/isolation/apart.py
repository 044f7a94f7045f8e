"""Directories of the daemon's own, from which contexts are kept apart: the state directory.

Isolated code sees nothing of them, and they are part of no copy of a context's directory.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Final, Self

from attrs import frozen

from interpreterd.model.isolation import is_below


@frozen
class ApartDirectory:
    """One of them, by its path without links, and by what tells it from others wherever it is moved."""

    path: str
    device: int
    inode: int

    @classmethod
    def at(cls, path: str) -> Self:
        """Return the one at ``path``. Blocks. Raises OSError."""
        real = os.path.realpath(path)
        found = os.stat(real)
        return cls(real, found.st_dev, found.st_ino)

    @property
    def identity(self) -> tuple[int, int]:
        """Its device and inode."""
        return self.device, self.inode

    def is_in(self, path: str) -> bool:
        """Return whether it is ``path``, a path without links, or below it."""
        return is_below(self.path, (path,))

    def holds(self, path: str) -> bool:
        """Return whether ``path`` is it, or below it."""
        return is_below(path, (self.path,))


_all: Final[set[ApartDirectory]] = set()


def all_apart() -> tuple[ApartDirectory, ...]:
    """Return all of them in this process."""
    return tuple(_all)


@contextlib.contextmanager
def kept_apart(directory: ApartDirectory) -> Iterator[None]:
    """Keep ``directory`` apart within the block."""
    _all.add(directory)
    try:
        yield
    finally:
        _all.discard(directory)
