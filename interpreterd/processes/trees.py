"""How many bytes the files below a directory take up on the disk: counted in slices, on any thread but a loop's."""

import contextlib
import errno
import math
import os
import stat
import time
from collections.abc import Generator, Iterator
from typing import Final

from attrs import frozen

BLOCK_BYTES: Final = 512  # stat(2): the unit of st_blocks
TREE_ENTRIES_LIMIT: Final = 1 << 18  # two seconds of processor time
TREE_DEPTH_LIMIT: Final = 256  # directories in directories; each takes a descriptor during the walk
HARD_LINKS_LIMIT: Final = 1 << 16  # files with several names; beyond it each name counts
_ENTRIES_PER_STEP = 64
_DONE = object()
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen
class TreeSize:
    """The files below a directory.

    Attributes:
        size_bytes: The blocks that they take up, directories included; a sparse file has few.
        entries: Names of files and directories.
        unseen: Directories that could not be looked into: closed to this user, or too deep.
        device: The file system of the directory; others that are mounted below it do not count.
    """

    size_bytes: int
    entries: int
    unseen: int
    device: int


class Walk:
    """Counts what is below ``path``, and follows no links. The directory may change meanwhile."""

    def __init__(self, path: str) -> None:
        """Begin to count; ``go_on`` does the work."""
        self.cost_s = 0.0
        self._path = path
        self._links: set[int] = set()
        self._bytes = self._entries = self._unseen = self._device = 0
        self._steps = self._walk()

    @property
    def size(self) -> TreeSize:
        """What has been counted so far."""
        return TreeSize(self._bytes, self._entries, self._unseen, self._device)

    def go_on(self, slice_s: float) -> bool:
        """Count for ``slice_s`` of processor time; return whether all is counted, or ``TREE_ENTRIES_LIMIT`` is reached.

        Raises OSError if ``path`` is no directory that can be read, or if there are no descriptors.
        """
        began = time.thread_time()
        spent_s = 0.0
        try:
            while spent_s < slice_s:
                if next(self._steps, _DONE) is _DONE:
                    return True
                spent_s = time.thread_time() - began
        finally:
            self.cost_s += time.thread_time() - began
        return False

    def close(self) -> None:
        """Close what is open. Without effect after the end, and when it is repeated."""
        self._steps.close()

    def _walk(self) -> Generator[None, None, None]:
        """Count; yield after each small step."""
        top = os.open(self._path, _OPEN_FOLDER)
        found = os.fstat(top)
        self._device, self._bytes = found.st_dev, found.st_blocks * BLOCK_BYTES
        open_folders: list[tuple[int, list[str]]] = [(top, [])]  # each with the names of folders still to be seen
        try:
            yield from self._count(top, open_folders[0][1])
            while open_folders and self._entries < TREE_ENTRIES_LIMIT:
                fd, names = open_folders[-1]
                if not names:
                    open_folders.pop()
                    os.close(fd)
                elif (inner := self._enter(fd, names.pop(), len(open_folders))) is not None:
                    open_folders.append((inner, []))
                    yield from self._count(inner, open_folders[-1][1])
        finally:
            for fd, _ in open_folders:
                os.close(fd)

    def _enter(self, fd: int, name: str, depth: int) -> int | None:
        """Return a descriptor of the folder ``name`` in ``fd``; None if it is gone, or cannot be seen."""
        if depth < TREE_DEPTH_LIMIT:
            try:
                return os.open(name, _OPEN_FOLDER, dir_fd=fd)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):  # deleted or replaced meanwhile
                    return None
                if error.errno != errno.EACCES:
                    raise
        self._unseen += 1
        return None

    def _count(self, fd: int, folders: list[str]) -> Iterator[None]:
        """Count the entries of ``fd``; add those that are folders to ``folders``."""
        with os.scandir(fd) as entries:
            for number, entry in enumerate(entries):
                self._entries += 1
                with contextlib.suppress(FileNotFoundError):
                    self._add(entry, folders)
                if number % _ENTRIES_PER_STEP == 0:
                    if self._entries >= TREE_ENTRIES_LIMIT:
                        return
                    yield

    def _add(self, entry: "os.DirEntry[str]", folders: list[str]) -> None:
        found = entry.stat(follow_symlinks=False)
        if found.st_dev != self._device:
            return
        if stat.S_ISDIR(found.st_mode):
            folders.append(entry.name)
        elif found.st_nlink > 1:
            if found.st_ino in self._links:
                return
            if len(self._links) < HARD_LINKS_LIMIT:
                self._links.add(found.st_ino)
        self._bytes += found.st_blocks * BLOCK_BYTES


def measure(path: str) -> TreeSize:
    """Return the size of the tree at ``path``. Raises OSError as ``Walk.go_on``."""
    walk = Walk(path)
    walk.go_on(math.inf)
    return walk.size
