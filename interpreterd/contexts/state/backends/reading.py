"""Reads one archive, and believes nothing of it that its key does not vouch for."""

import contextlib
import errno
import functools
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import Final, Self

from interpreterd.contexts.state.backends.ahead import done_ahead
from interpreterd.contexts.state.backends.compressing import decompressed
from interpreterd.contexts.state.backends.durable import DurableFile, disk_errors_told
from interpreterd.contexts.state.backends.layout import (
    END_BYTES,
    HEAD_BYTES,
    ROW_BYTES,
    Damaged,
    Foreign,
    Seal,
    TableRow,
    check_head,
    parse_rows,
    parse_tail,
)
from interpreterd.contexts.state.backends.meta import decode_meta
from interpreterd.contexts.state.backends.owning import Keys
from interpreterd.model.state_errors import ArchiveRefused

IN_MEMORY_BYTES: Final = 16 << 20
_STEP_BYTES: Final = 1024 * ROW_BYTES


class ArchiveReader:
    """An archive whose head and tail are whole, and signed with a key of ours. All methods block, for any thread.

    Attributes:
        info: What it says of itself.
        etag: Different for archives that differ in anything.
    """

    def __init__(self, fd: int, keys: Keys, shown: str) -> None:
        """Read the open file ``fd``, which ``close`` closes; errors call it ``shown``.

        Raises:
            ArchiveRefused: It is damaged or foreign; ``fd`` stays the caller's.
            FileError
        """
        self.fd = fd
        self._shown = shown
        with disk_errors_told(f"the archive {shown}"), _refusals_told(shown):
            size_bytes = os.fstat(fd).st_size
            check_head(os.pread(fd, HEAD_BYTES, 0))
            self._end = parse_tail(os.pread(fd, END_BYTES, max(0, size_bytes - END_BYTES)), size_bytes)
            self._key = keys.of_mark(self._end.key_mark)
            seal = Seal(self._key)
            for data in self._table():
                seal.feed(data)
            meta = os.pread(fd, self._end.meta_bytes, self._end.table_at + self._end.table_bytes)
            seal.feed(meta)
            seal.check(self._end)
            self.info = decode_meta(meta, size_bytes)
        self.etag = self._end.checksum.hex()

    @classmethod
    def open(cls, directory: int, name: str, keys: Keys) -> Self:
        """Open the file ``name`` of ``directory``, a descriptor.

        Raises:
            OSError: FileNotFoundError, for example.
            ArchiveRefused, FileError
        """
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ArchiveRefused(f"the archive {name} is corrupt: it is a symbolic link") from None
            raise
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ArchiveRefused(f"the archive {name} is corrupt: it is no file")
            return cls(fd, keys, name)
        except BaseException:
            os.close(fd)
            raise

    def blocks(self) -> Iterator[bytes]:
        """Yield the content; each piece has been found to be as it was written.

        Raises:
            ArchiveRefused, FileError
        """
        with disk_errors_told(f"the archive {self._shown}"), _refusals_told(self._shown):
            yield from done_ahead(self._content_of, self._places())

    def check(self) -> None:
        """Read all of it, as ``blocks`` does. Raises as ``blocks``."""
        with disk_errors_told(f"the archive {self._shown}"), _refusals_told(self._shown):
            for _ in done_ahead(self._checked, self._places()):
                pass

    def is_signed_with(self, key: bytes) -> bool:
        """Return whether it was ``key`` with which it was signed."""
        return self._key == key

    @functools.cached_property
    def content_place(self) -> tuple[int, int]:
        """Where the content will be in ``content_file``: the first byte, and the number of bytes. Raises as it."""
        with disk_errors_told(f"the archive {self._shown}"), _refusals_told(self._shown):
            if any(row.is_compressed for _, row in self._places()):
                return 0, self.info.content_bytes
            return HEAD_BYTES, self._end.blocks_bytes

    def content_file(self, directory: int) -> int:
        """Return a descriptor, which the caller closes, of a file with the content at ``content_place``.

        All of the content has been found to be as it was written. The file is the archive itself; or a copy without a
        name, if blocks are compressed: in memory if it is small, else in ``directory``.

        Raises:
            ArchiveRefused, DiskFull, FileError, OutOfResources
        """
        offset, size_bytes = self.content_place
        with disk_errors_told(f"the archive {self._shown}"), _refusals_told(self._shown):
            if offset:
                self.check()
                return os.dup(self.fd)
            copy = _nameless(directory, size_bytes)
            try:
                for block in self.blocks():
                    left = memoryview(block)
                    while left:
                        left = left[os.write(copy, left) :]
                if os.lseek(copy, 0, os.SEEK_CUR) != size_bytes:
                    raise Damaged("its content has another size than it says")
                return os.open(f"/proc/self/fd/{copy}", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                os.close(copy)

    @property
    def content_end(self) -> int:
        """Where its blocks end in the file, and its table begins."""
        return self._end.table_at

    def table(self) -> bytes:
        """Return its table, of some 40 bytes for each MiB. Raises FileError."""
        with disk_errors_told(f"the archive {self._shown}"):
            return b"".join(self._table())

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file itself. Raises ``FileError``."""
        with disk_errors_told(f"the archive {self._shown}"):
            return os.pread(self.fd, size, offset)

    def close(self) -> None:
        """Close the file. Repeating it changes nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _table(self) -> Iterator[bytes]:
        begin, end = self._end.table_at, self._end.table_at + self._end.table_bytes
        for at in range(begin, end, _STEP_BYTES):
            data = os.pread(self.fd, min(_STEP_BYTES, end - at), at)
            if not data:
                raise Damaged("it is shorter than it was")
            yield data

    def _places(self) -> Iterator[tuple[int, TableRow]]:
        """Yield where each block begins, with its row."""
        at = HEAD_BYTES
        for rows in self._table():
            for row in parse_rows(rows):
                yield at, row
                at += row.stored_bytes
        if at != self._end.table_at:
            raise Damaged("the sizes of its blocks are wrong")

    def _checked(self, place: tuple[int, TableRow]) -> bytes:
        at, row = place
        data = os.pread(self.fd, row.stored_bytes, at)
        if hashlib.sha256(data).digest() != row.digest:
            raise Damaged(f"the bytes from {at} to {at + row.stored_bytes} are not those that were written")
        return data

    def _content_of(self, place: tuple[int, TableRow]) -> bytes:
        data, (_, row) = self._checked(place), place
        if not row.is_compressed:
            return data
        try:
            return decompressed(data, row.size_bytes)
        except ValueError as error:
            raise Damaged(f"a block cannot be decompressed: {error}") from None


def _nameless(directory: int, size_bytes: int) -> int:
    """Return a new file without a name, for some ``size_bytes``."""
    if size_bytes <= IN_MEMORY_BYTES:
        return os.memfd_create("archive", os.MFD_CLOEXEC)
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    file = DurableFile(directory)
    fd = os.dup(file.fd)
    file.close()
    return fd


@contextlib.contextmanager
def _refusals_told(shown: str) -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        raise ArchiveRefused(f"the archive {shown} is corrupt: {error}") from None
    except Foreign:
        raise ArchiveRefused(
            f"the archive {shown} is foreign: it was signed with another key, and only a daemon whose --state-dir has "
            "that key can use it"
        ) from None
