"""Working directories of forks that are to have their own: copies of the original's, made before the fork.

A copy lies beside its original, as ``NAME.fork-ID``, so that the file system can share blocks between them. It lies
elsewhere if that is not possible: an isolated context's is with its private directories, a tenant's stays within the
tenant's directory, and where nobody may make directories beside the original, it is among the temporary files.
"""

import asyncio
import contextlib
import os
import stat
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from attrs import frozen

from interpreterd.contexts.files import on_files_thread
from interpreterd.files.copying import CopyBudget, Left, TreeCopy, identity
from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.model.file_errors import FileError
from interpreterd.model.isolation import is_below
from interpreterd.workers.directories import Directories
from interpreterd.workers.directory import real_directory
from interpreterd.workers.isolation.apart import all_apart
from interpreterd.workers.isolation.jails import Place, tree_removed

COPY_LIMIT_S: Final = 60.0
KNOWN_S: Final = 10.0
_FOLDER: Final = ".interpreterd-forks"
_NAME_CHARS: Final = 60
_ID_CHARS: Final = 8
_DONE: Final = object()


@frozen
class CopiedDirectories:
    """The copies.

    Attributes:
        paths: One for each fork.
        left: What was not copied, some of it.
        left_count: How many entries those are.
    """

    paths: tuple[str, ...]
    left: tuple[Left, ...] = ()
    left_count: int = 0


@contextlib.asynccontextmanager
async def own_directories(
    directory: str, fork_ids: Sequence[str], *, place: Place, within: str | None, known: Directories
) -> AsyncIterator[CopiedDirectories]:
    """Copy ``directory``, once for each of ``fork_ids``, for the block. If the block fails, the copies are removed.

    ``place`` is that of the original, ``within`` the directory that its tenant may not leave, if there is one.
    ``directory`` is absolute and without links. ``known`` counts disk space: what is copied is nobody's growth.

    Raises:
        InvalidWorkingDirectory, DirectoryTooLarge, FileError, OutOfResources
    """
    within = None if within is None else real_directory(within)
    base, others = await on_files_thread(lambda: _base(directory, place, within), place.user)
    name = os.path.basename(directory)[:_NAME_CHARS]
    paths = tuple(f"{base}/{name}.fork-{fork_id[:_ID_CHARS]}" for fork_id in fork_ids)
    known.add(paths)
    try:
        yield await _copied(directory, paths, others | {it.identity for it in all_apart()}, place.user)
    except BaseException:
        for path in paths:
            await tree_removed(path)
        known.remove(paths)
        raise
    # By then the forks have started, and have said that these are theirs.
    asyncio.get_running_loop().call_later(KNOWN_S, known.remove, paths)


async def _copied(
    directory: str, paths: tuple[str, ...], others: frozenset[tuple[int, int]], user: int | None
) -> CopiedDirectories:
    budget, until = CopyBudget(), time.monotonic() + COPY_LIMIT_S
    copies = [TreeCopy(directory, path, budget, others) for path in paths]
    for copy in copies:
        work = _Work(copy)
        try:
            while await on_files_thread(work.go_on, user):
                if time.monotonic() > until:
                    raise FileError(f"the working directory could not be copied within {COPY_LIMIT_S:g} s")
        finally:
            await on_files_thread(work.close, user)
    return CopiedDirectories(paths, tuple(copies[0].left), copies[0].left_count) if copies else CopiedDirectories(())


class _Work:
    """The steps of one copy; a caller that goes away ends while a thread still works for it."""

    def __init__(self, copy: TreeCopy) -> None:
        self._steps = copy.steps()
        self._turn = threading.Lock()

    def go_on(self) -> bool:
        with self._turn:
            return next(self._steps, _DONE) is not _DONE

    def close(self) -> None:
        with self._turn:
            self._steps.close()


def _base(directory: str, place: Place, within: str | None) -> tuple[str, frozenset[tuple[int, int]]]:
    """Return where the copies go, and which directories are no part of them. Blocks."""
    if directory == "/":
        raise InvalidWorkingDirectory("the working directory cannot be copied: it is /")
    if place.for_copies is not None:
        return place.for_copies, frozenset()
    beside = os.path.dirname(directory)
    may_be_beside = within is None or is_below(beside, (within,))
    if may_be_beside and os.access(beside, os.W_OK | os.X_OK):
        return beside.rstrip("/"), frozenset()
    return _folder(within or os.path.realpath(tempfile.gettempdir()))


def _folder(above: str) -> tuple[str, frozenset[tuple[int, int]]]:
    """Return the directory of this user for copies in ``above``; others may have made something of its name."""
    path = f"{above}/{_FOLDER}-{os.geteuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        found = os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise InvalidWorkingDirectory(
            f"the working directory cannot be copied: no directory can be made in {above}: {error.strerror}"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise InvalidWorkingDirectory(f"the working directory cannot be copied: {path} is not this daemon's")
    return path, frozenset({identity(found)})
