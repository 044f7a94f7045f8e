"""A file by its descriptor: what kind it is, and its description for clients."""

import os
import stat
from typing import Final

from interpreterd.files.told import shown
from interpreterd.model.file_errors import NotAFile
from interpreterd.model.files import FileInfo, FileKind

_KINDS: Final[dict[int, FileKind]] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
# The first and the last moment of a datetime: a program may set any.
_EARLIEST: Final = -62_135_596_800.0
_LATEST: Final = 253_402_300_799.0
_CALLED: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def described(path: str, found: os.stat_result) -> FileInfo:
    """Return the description of the file at ``path``."""
    return FileInfo(
        path=path,
        kind=_KINDS.get(stat.S_IFMT(found.st_mode), "other"),
        size_bytes=found.st_size,
        modified_at=min(max(found.st_mtime_ns / 1e9, _EARLIEST), _LATEST),
        # Each change of the content sets the ctime, which no program can set to a value of its own.
        etag=f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}-{found.st_ctime_ns:x}",
    )


def check_regular(path: str, found: os.stat_result) -> None:
    """Raise ``NotAFile`` unless it is a regular file."""
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(f"it is {_CALLED.get(stat.S_IFMT(found.st_mode), 'no regular file')}: {shown(path)}")
