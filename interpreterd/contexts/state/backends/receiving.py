"""Takes an archive from a client: bytes of anyone, which count only when all of them have been checked."""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Final

import attrs

from interpreterd.contexts.state.backends.durable import DurableFile, disk_errors_told
from interpreterd.contexts.state.backends.owning import Keys
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.writing import THE_ARCHIVE, seal
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.errors import InvalidRequest

SENT: Final = "that was sent"  # how errors call it, which has no name yet


class ArchiveUpload:
    """An archive that a client sends. All methods block; any thread may call them."""

    def __init__(self, directory: int, keys: Keys, may_have: Callable[[int], None]) -> None:
        """Begin a file in ``directory``, a descriptor; ``may_have`` is as for ``ArchiveWriter``.

        Raises:
            DiskFull, FileError, OutOfResources
        """
        self._keys = keys
        self._may_have = may_have
        self._turn = threading.Lock()  # else a thread could write to a file that another one has closed
        with disk_errors_told(THE_ARCHIVE):
            self._file = DurableFile(directory)

    def write(self, data: bytes) -> None:
        """Take more of it. Raises DiskFull, FileError, and what ``may_have`` raises."""
        with self._turn, disk_errors_told(THE_ARCHIVE):
            self._may_have(self._file.size_bytes + len(data))
            self._file.write(data)

    def check(self, archive_id: str) -> ArchiveReader:
        """Return a reader, which the caller closes, of all that was sent; it is whole, and ours.

        Raises:
            ArchiveRefused: It is not.
            InvalidRequest: It is another archive than ``archive_id``.
            FileError
        """
        with self._turn, disk_errors_told(THE_ARCHIVE):
            fd = os.dup(self._file.fd)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, fd)
            reader = ArchiveReader(fd, self._keys, SENT)
            if reader.info.id != archive_id:
                raise InvalidRequest(f"the content must be that of the archive {archive_id}, not of {reader.info.id}")
            reader.check()
            stack.pop_all()
            return reader

    def commit(self, reader: ArchiveReader, tenant: str) -> ArchiveInfo:
        """Keep what ``reader`` reads as an archive of ``tenant``, signed by us.

        Raises:
            FileExistsError: There is such an archive already.
            DiskFull, FileError
        """
        info = attrs.evolve(reader.info, tenant=tenant)
        table = reader.table()
        with self._turn:
            with disk_errors_told(THE_ARCHIVE):
                self._file.cut(reader.content_end)
            return seal(self._file, table, info, self._keys.own, info.content_bytes, self._may_have)

    def close(self) -> None:
        """Drop it, unless it was committed. Repeating it changes nothing."""
        with self._turn:
            self._file.close()


def are_the_same(one: ArchiveInfo, its_table: bytes, other: ArchiveInfo, its_own_table: bytes) -> bool:
    """Return whether two archives differ in nothing but their signatures."""
    alike = attrs.evolve(one, size_bytes=0) == attrs.evolve(other, size_bytes=0)
    return alike and its_table == its_own_table
