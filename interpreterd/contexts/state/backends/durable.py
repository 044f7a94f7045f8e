"""Files that are seen only when they are whole and on the disk, whenever the power fails.

A new file has a temporary name until it has been written, and its writer holds a lock on it, flock(2). So a daemon that
starts can tell what a dead one has left behind from what another one still writes.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from typing import Final

from interpreterd.model.errors import OutOfResources
from interpreterd.model.file_errors import DiskFull, FileError

TEMPORARY: Final = ".new-"
FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
WRITEBACK_BYTES: Final = 16 << 20
_MODE: Final = 0o600
_SYNC_FILE_RANGE_WRITE: Final = 2
_FULL: Final = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is exceeded",
    errno.EFBIG: "no larger file is allowed",
}
_OUT_OF: Final = {
    errno.EMFILE: "the daemon has too many open files",
    errno.ENFILE: "the machine has too many open files",
    errno.ENOMEM: "the machine has no memory left",
}


class DurableFile:
    """A new file in a directory. Called by one thread at a time."""

    def __init__(self, directory: int) -> None:
        """Begin a file in the directory of this descriptor, which stays the caller's. Raises OSError."""
        self._directory = directory
        self.size_bytes = self._on_its_way_bytes = 0
        self._name: str | None = None
        self.fd = -1
        while self._name is None:
            self._make()

    def _make(self) -> None:
        name = TEMPORARY + secrets.token_hex(8)
        flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR | os.O_CLOEXEC
        fd = os.open(name, flags, _MODE, dir_fd=self._directory)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a daemon that starts just now takes it for one that is left
            os.close(fd)
            return
        if not os.fstat(fd).st_nlink:  # likewise, a moment ago
            os.close(fd)
            return
        self._name, self.fd = name, fd

    def write(self, data: "bytes | memoryview | bytearray") -> None:
        """Add ``data``. Raises OSError."""
        left = memoryview(data)
        while left:
            written = os.write(self.fd, left)
            self.size_bytes += written
            left = left[written:]
        if self.size_bytes - self._on_its_way_bytes >= WRITEBACK_BYTES:
            begin_writeback(self.fd, self._on_its_way_bytes, self.size_bytes - self._on_its_way_bytes)
            self._on_its_way_bytes = self.size_bytes

    def cut(self, size_bytes: int) -> None:
        """Take away what comes after ``size_bytes``. Raises OSError."""
        os.ftruncate(self.fd, size_bytes)
        os.lseek(self.fd, size_bytes, os.SEEK_SET)
        self.size_bytes = size_bytes
        self._on_its_way_bytes = min(self._on_its_way_bytes, size_bytes)

    def commit(self, name: str, *, replace: bool) -> None:
        """Give it its ``name``, once it is on the disk; return when its name is there, too.

        Raises:
            FileExistsError: There is a file of this name, and it is not to ``replace`` it.
            OSError
        """
        assert self._name is not None
        os.fsync(self.fd)
        if replace:
            os.rename(self._name, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        else:
            os.link(self._name, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
            os.unlink(self._name, dir_fd=self._directory)
        self._name = None
        os.fsync(self._directory)

    def close(self) -> None:
        """Drop it, unless it was committed. Repeating it changes nothing."""
        if self._name is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._name, dir_fd=self._directory)
            self._name = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def begin_writeback(fd: int, offset: int, size: int) -> None:
    """Let the disk begin with a part of a file, so that there is less to wait for in the end: sync_file_range(2)."""
    import ctypes  # only long files need it

    with contextlib.suppress(AttributeError):  # another C library may lack it
        call = ctypes.CDLL(None).sync_file_range
        call(fd, ctypes.c_int64(offset), ctypes.c_int64(size), ctypes.c_uint(_SYNC_FILE_RANGE_WRITE))


def write_durably(directory: int, name: str, data: bytes, *, replace: bool = True) -> None:
    """Make or replace the file ``name``. Raises as ``DurableFile.commit``."""
    file = DurableFile(directory)
    try:
        file.write(data)
        file.commit(name, replace=replace)
    finally:
        file.close()


def remove_durably(directory: int, name: str) -> bool:
    """Remove a file; return whether there was one. Raises OSError."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return False
    os.fsync(directory)
    return True


def remove_leftovers(directory: int) -> int:
    """Remove the files that dead writers have begun; return how many. Raises OSError."""
    count = 0
    for name in os.listdir(directory):
        if name.startswith(TEMPORARY) and _is_left(directory, name):
            count += 1
    return count


def _is_left(directory: int, name: str) -> bool:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=directory)
    except OSError:  # somebody still writes it
        return False
    finally:
        os.close(fd)
    return True


def checked_name(name: str) -> str:
    """Return ``name``; raise ValueError if no file may have it."""
    if not FILE_NAME.fullmatch(name):
        raise ValueError(f"no name of a file: {name!r:.80}")
    return name


@contextlib.contextmanager
def disk_errors_told(what: str) -> Iterator[None]:
    """Turn an OSError of the block into the error for a client; ``what`` could not be written or read."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        if number in _FULL:
            raise DiskFull(f"{_FULL[number]} for {what}") from error
        if number in _OUT_OF:
            raise OutOfResources(_OUT_OF[number]) from error
        raise FileError(f"{error.strerror or error}: {what}") from error
