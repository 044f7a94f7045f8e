"""Errors of the system about a file, as errors for clients."""

import contextlib
import errno
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from interpreterd.model.errors import InterpreterError, OutOfResources
from interpreterd.model.file_errors import (
    DirectoryNotEmpty,
    DiskFull,
    FileError,
    FileForbidden,
    FileTooLarge,
    InvalidPath,
    NoSuchFile,
    NotADirectory,
    NotAFile,
    PathOutside,
)

_WORDS: Final[Mapping[int, tuple[Callable[[str], InterpreterError], str]]] = {
    errno.ENOENT: (NoSuchFile, "file not found: {}"),
    errno.ESTALE: (NoSuchFile, "file not found: {}"),
    errno.ENXIO: (NotAFile, "not a regular file: {}"),
    errno.EXDEV: (PathOutside, "a symbolic link leads out of the context's directory, or is absolute: {}"),
    errno.ELOOP: (PathOutside, "too many symbolic links: {}"),
    errno.EACCES: (FileForbidden, "permission denied: {}"),
    errno.EPERM: (FileForbidden, "operation not permitted: {}"),
    errno.EROFS: (FileForbidden, "the file system is read-only: {}"),
    errno.EISDIR: (NotAFile, "it is a directory: {}"),
    errno.ENOTDIR: (NotADirectory, "a part of the path is not a directory: {}"),
    errno.EEXIST: (NotADirectory, "a part of the path is not a directory: {}"),
    errno.ENOTEMPTY: (DirectoryNotEmpty, "the directory is not empty, and ?recursive=true is needed: {}"),
    errno.ENAMETOOLONG: (InvalidPath, "path has a name that is too long for the file system: {}"),
    errno.EINVAL: (InvalidPath, "path has a name that the file system does not allow: {}"),
    errno.EILSEQ: (InvalidPath, "path has a name that the file system does not allow: {}"),
    errno.EFBIG: (FileTooLarge, "the file is larger than the system allows: {}"),
    errno.ENOSPC: (DiskFull, "no space left on the disk: {}"),
    errno.EDQUOT: (DiskFull, "the disk quota is exceeded: {}"),
    errno.EMFILE: (OutOfResources, "the daemon has too many open files"),
    errno.ENFILE: (OutOfResources, "the machine has too many open files"),
    errno.ENOMEM: (OutOfResources, "the machine has no memory left"),
}


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Turn an OSError of the block into the error for a client that has named ``path``."""
    try:
        yield
    except OSError as error:
        kind, words = _WORDS.get(error.errno or 0, (FileError, f"{error.strerror or error}: {{}}"))
        raise kind(words.format(shown(path))) from error


def shown(path: str) -> str:
    """Return ``path`` as text: bytes that are not UTF-8 become U+FFFD."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
