"""Deletes a file, or a directory with everything in it, below a directory."""

import os
import stat
from collections.abc import Generator
from typing import Final

from interpreterd.files.beneath import locate, open_directory
from interpreterd.files.entries import described
from interpreterd.files.told import shown, told
from interpreterd.model.file_errors import ConditionFailed, FileError
from interpreterd.model.files import FileCondition, path_parts

STEP: Final = 500  # entries
DELETED_DEPTH: Final = 100  # each level of a directory takes a descriptor


def delete_below(
    directory: str, path: str, condition: FileCondition, *, recursive: bool
) -> Generator[None, None, None]:
    """Delete what ``path`` names below ``directory``, in steps of some milliseconds; call each in a thread.

    A link is deleted itself, never what it leads to. A directory must be empty, or its deletion ``recursive``.

    Raises:
        InvalidPath, FileError: Of a directory, a part may be deleted by then.
    """
    *above, name = path_parts(path)
    with told(path):
        root = open_directory(directory)
        try:
            parent = locate(root, "/".join(above) or ".")
        finally:
            os.close(root)
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not condition.holds(described(path, found).etag):
                raise ConditionFailed(f"the file is not as If-Match or If-None-Match expects: {shown(path)}")
            if not stat.S_ISDIR(found.st_mode):
                os.unlink(name, dir_fd=parent)
                return
            if recursive:
                yield from _empty(parent, name, path, DELETED_DEPTH)
            os.rmdir(name, dir_fd=parent)
        finally:
            os.close(parent)


def _empty(parent: int, name: str, path: str, depth: int) -> Generator[None, None, None]:
    """Delete everything in the directory ``name``, which may be swapped for a link at any moment."""
    if not depth:
        raise FileError(f"more than {DELETED_DEPTH} directories lie in each other; delete the inner ones first: {path}")
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        while True:
            with os.scandir(fd) as entries:
                found = [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry, _ in zip(entries, range(STEP), strict=False)
                ]
            if not found:
                return
            for inner, is_directory in found:
                if is_directory:
                    yield from _empty(fd, inner, path, depth - 1)
                    os.rmdir(inner, dir_fd=fd)
                else:
                    os.unlink(inner, dir_fd=fd)
            yield
    finally:
        os.close(fd)
