"""Whether a family of processes has a socket open, by proc(5)."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from interpreterd.processes.callers import socket_inode
from interpreterd.processes.families import finding_descendants, parent_and_start

SEARCH_STEPS_LIMIT: Final = 1 << 14  # descriptors that one search looks at, some 3 µs each
_GENERATIONS: Final = 256
_SOCKETS: Final = 1 << 10


class Owners:
    """Finds the sockets of one family. What it has found once, it finds again in a few steps, while that is still so.

    Attributes:
        worker: The process from which the family descends.
        steps: Those that all searches have taken.
    """

    def __init__(self, worker: int, rights: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Look at the descendants of ``worker``, with ``rights`` to look into them."""
        self.worker = worker
        self._rights = rights
        self.steps = 0
        self._places: dict[int, tuple[int, str]] = {}  # inode to a process and its descriptor

    def have(self, inodes: Iterable[int]) -> Generator[None, None, bool]:
        """Return whether each of ``inodes`` is open in a process of the family; in steps of some 10 µs.

        A search that takes more than ``SEARCH_STEPS_LIMIT`` finds nothing, as does one of a process that the daemon may
        not look into.
        """
        missing = {inode for inode in inodes if not self._is_in_place(inode)}
        yield
        if not missing:
            return True
        left = iter(range(SEARCH_STEPS_LIMIT))
        yield from self._search(self.worker, missing, left)
        if missing:
            family = yield from finding_descendants(self.worker)
            self.steps += len(family)
            for pid in family:
                yield from self._search(pid, missing, left)
                if not missing:
                    break
        return not missing

    def _search(self, pid: int, missing: set[int], left: Iterator[int]) -> Iterator[None]:
        """Take the sockets of ``pid`` out of ``missing``."""
        with contextlib.suppress(OSError), self._entries(pid) as entries:
            for entry in entries:
                if not missing or next(left, None) is None:
                    return
                self.steps += 1
                inode = self._link(pid, entry.name)
                if inode in missing:
                    missing.remove(inode)
                    self._remember(inode, pid, entry.name)
                yield

    def _entries(self, pid: int) -> "os._ScandirIterator[str]":
        with self._rights():
            return os.scandir(f"/proc/{pid}/fd")

    def _remember(self, inode: int, pid: int, descriptor: str) -> None:
        self._places.pop(inode, None)
        self._places[inode] = pid, descriptor
        if len(self._places) > _SOCKETS:
            del self._places[next(iter(self._places))]

    def _is_in_place(self, inode: int) -> bool:
        """Return whether ``inode`` is still where it was found, and that is still a process of the family."""
        place = self._places.get(inode)
        if place is None:
            return False
        if self._link(*place) == inode and self._is_family(place[0]):
            return True
        del self._places[inode]
        return False

    def _is_family(self, pid: int) -> bool:
        for _ in range(_GENERATIONS):
            if pid == self.worker:
                return True
            if pid <= 1:
                return False
            pid, _ = parent_and_start(pid)
        return False

    def _link(self, pid: int, descriptor: str) -> int | None:
        try:
            with self._rights():
                return socket_inode(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
        except OSError:
            return None
