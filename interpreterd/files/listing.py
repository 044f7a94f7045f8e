"""Lists what is below a directory, in pages: sorted, without following links, and bounded in time and memory."""

import heapq
import os
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from attrs import define

from interpreterd.files.beneath import open_directory, reopen
from interpreterd.files.entries import described
from interpreterd.files.globs import Glob, States
from interpreterd.files.told import told
from interpreterd.model.file_errors import FileError, InvalidPath
from interpreterd.model.files import PATH_LIMIT_BYTES, FileInfo, FilePage

PAGE_LIMIT: Final = 1000
PAGE_LIMIT_BYTES: Final = 1 << 20  # of paths
TIME_LIMIT_S: Final = 1.0
DIRECTORY_LIMIT: Final = 1_000_000  # entries: they are read whole, to be sorted
LISTED_DEPTH: Final = 64  # each level takes a descriptor; deeper directories are listed, but not entered
PACE: Final = 200  # entries between two pauses, in which other threads get Python's lock
_PAUSE_S: Final = 0.0001
EVERYTHING: Final = "**"


def list_files(directory: str, glob: str | None, after: str | None) -> FilePage:
    """Return a page of what is below ``directory`` and matches ``glob``; None is everything. Call it in a thread.

    Args:
        directory: Absolute, without symbolic links.
        glob: See ``globs``.
        after: The ``next`` of the page before.

    Raises:
        InvalidPath, FileError
    """
    walk = _Walk(Glob(EVERYTHING if glob is None else glob), time.monotonic() + TIME_LIMIT_S)
    position = [] if after is None else _parts_of(after)
    with told("."):
        root = open_directory(directory)
        try:
            fd = reopen(root, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            os.close(root)
        try:
            return walk.page(fd, position)
        finally:
            os.close(fd)


@define
class _Walk:
    """One walk through a tree, in the order of the paths' parts."""

    _glob: Glob
    _until: float
    _looked_at: int = 0

    def page(self, fd: int, after: list[str]) -> FilePage:
        files: list[FileInfo] = []
        size_bytes = 0
        for path, info in self._below(fd, "", self._glob.start, after, LISTED_DEPTH):
            if info is not None:
                files.append(info)
                size_bytes += len(path)
            is_full = len(files) >= PAGE_LIMIT or size_bytes >= PAGE_LIMIT_BYTES
            if is_full or time.monotonic() >= self._until:
                return FilePage(files=files, next=quote(os.fsencode(path)))
        return FilePage(files=files)

    def _below(
        self, fd: int, prefix: str, states: States, after: list[str], depth: int
    ) -> Iterator[tuple[str, FileInfo | None]]:
        """Yield each path after ``after`` that is visited, and its description if it matches."""
        name_before = ""
        if after:
            name_before, *deeper = after
            then = self._glob.step(states, name_before)
            if deeper or self._glob.goes_on(then):
                yield from self._inside(fd, prefix, name_before, then, deeper, depth)
        while True:
            names = self._next_names(fd, states, name_before)
            for name in names:
                then = self._glob.step(states, name)
                try:
                    info = described(prefix + name, os.stat(name, dir_fd=fd, follow_symlinks=False))
                except OSError:  # it is gone
                    continue
                yield info.path, info if self._glob.matches(then) else None
                if info.kind == "directory" and self._glob.goes_on(then):
                    yield from self._inside(fd, prefix, name, then, [], depth)
            if len(names) < PAGE_LIMIT:
                return
            name_before = names[-1]

    def _inside(
        self, fd: int, prefix: str, name: str, states: States, after: list[str], depth: int
    ) -> Iterator[tuple[str, FileInfo | None]]:
        if not depth:
            return
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        except OSError:  # it is gone, by now no directory, or closed to this user
            return
        try:
            yield from self._below(inner, f"{prefix}{name}/", states, after, depth - 1)
        finally:
            os.close(inner)

    def _next_names(self, fd: int, states: States, after: str) -> list[str]:
        """Return the first names after ``after`` that match, or that a match may lie below."""

        def wanted() -> Iterator[str]:
            with os.scandir(fd) as entries:
                for count, entry in enumerate(entries):
                    self._look(count)
                    if entry.name > after:
                        then = self._glob.step(states, entry.name)
                        if self._glob.matches(then) or (then and entry.is_dir(follow_symlinks=False)):
                            yield entry.name

        return heapq.nsmallest(PAGE_LIMIT, wanted())

    def _look(self, count: int) -> None:
        if count >= DIRECTORY_LIMIT:
            raise FileError(f"a directory has more than {DIRECTORY_LIMIT} entries, which are too many to list")
        self._looked_at += 1
        if self._looked_at % PACE == 0:
            time.sleep(_PAUSE_S)


def _parts_of(position: str) -> list[str]:
    parts = os.fsdecode(unquote_to_bytes(position)).split("/")
    if len(position) > 3 * PATH_LIMIT_BYTES or "" in parts or ".." in parts or any("\0" in part for part in parts):
        raise InvalidPath("after must be the 'next' of a listing")
    return parts
