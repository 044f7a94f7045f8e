"""Writes one archive: content in blocks as it comes, then what is known only afterwards."""

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from interpreterd.contexts.state.backends.ahead import RING, done_ahead
from interpreterd.contexts.state.backends.compressing import compressed, is_worth_it
from interpreterd.contexts.state.backends.durable import DurableFile, disk_errors_told
from interpreterd.contexts.state.backends.layout import (
    ARCHIVE_HEAD,
    CONTENT_BLOCK_BYTES,
    END_BYTES,
    HEAD_BYTES,
    Seal,
    TableRow,
)
from interpreterd.contexts.state.backends.meta import encode_meta
from interpreterd.model.archives import ArchiveInfo

DECISION_BLOCKS: Final = 8  # are looked at before it is decided whether a long archive is compressed at all
THE_ARCHIVE: Final = "the archive"  # for errors of the disk


class ContentSource(Protocol):
    """Where content comes from."""

    @property
    def is_waiting(self) -> bool:
        """Whether more content waits to be read already."""
        ...

    def readinto(self, buffer: memoryview) -> int:
        """Read some content; 0 at its end. May raise any error."""
        ...


def _all(size_bytes: int) -> None:
    """Allow every size."""


class ArchiveWriter:
    """A new archive. All methods block; one thread calls them at a time."""

    def __init__(self, directory: int, key: bytes, may_have: Callable[[int], None] = _all) -> None:
        """Begin a file in ``directory``, a descriptor.

        ``may_have`` is called with the size of the file before it grows to that, and raises if that is too much.

        Raises:
            DiskFull, FileError, OutOfResources
        """
        self._key = key
        self._may_have = may_have
        self._table = bytearray()
        self.content_bytes = 0
        with disk_errors_told(THE_ARCHIVE):
            self._file = DurableFile(directory)
            try:
                self._file.write(ARCHIVE_HEAD)
            except BaseException:
                self._file.close()
                raise

    def copy_from(self, source: ContentSource) -> None:
        """Take all content of ``source``.

        Raises:
            DiskFull, FileError
            Exception: What ``source`` and ``may_have`` raise.
        """

        blocks = _blocks(source)
        first, waits = [], 0
        for block in itertools.islice(blocks, DECISION_BLOCKS):
            first.append(block)
            waits += source.is_waiting
        is_long = len(first) == DECISION_BLOCKS
        # A worker gets what is not compressed at all from the file itself, without a copy.
        compresses = not is_long or is_worth_it(first, in_a_hurry=waits > DECISION_BLOCKS // 2)

        def packed(block: memoryview) -> tuple[TableRow, bytes | memoryview]:
            hurry = is_long and source.is_waiting
            small = compressed(block, in_a_hurry=hurry) if compresses else None
            data = block if small is None else small
            return TableRow(len(data), len(block), hashlib.sha256(data).digest(), small is not None), data

        for row, data in done_ahead(packed, itertools.chain(first, blocks)):
            self._may_have(self._size_with(row.stored_bytes))
            with disk_errors_told(THE_ARCHIVE):
                self._file.write(data)
            self._table += row.packed()
            self.content_bytes += row.size_bytes

    def _size_with(self, more_bytes: int) -> int:
        return self._file.size_bytes + more_bytes + len(self._table) + END_BYTES

    def commit(self, info: ArchiveInfo, *, replace: bool = False) -> ArchiveInfo:
        """Write the rest, and give the file the name ``info.id``; return ``info`` with its sizes.

        Raises:
            FileExistsError: There is such an archive already.
            DiskFull, FileError
        """
        return seal(self._file, self._table, info, self._key, self.content_bytes, self._may_have, replace=replace)

    def close(self) -> None:
        """Drop the archive, unless it was committed. Repeating it changes nothing."""
        self._file.close()


def seal(
    file: DurableFile,
    table: "bytes | bytearray",
    info: ArchiveInfo,
    key: bytes,
    content_bytes: int,
    may_have: Callable[[int], None] = _all,
    *,
    replace: bool = False,
) -> ArchiveInfo:
    """Write the tail of an archive to ``file``, which has head and blocks, and commit it. See ``ArchiveWriter``."""
    import attrs

    info = attrs.evolve(info, content_bytes=content_bytes)
    meta = encode_meta(info)
    blocks_bytes = file.size_bytes - HEAD_BYTES
    size_bytes = file.size_bytes + len(table) + len(meta) + END_BYTES
    may_have(size_bytes)
    digests = Seal(key)
    digests.feed(table)
    digests.feed(meta)
    end = digests.end(blocks_bytes, len(table), len(meta))
    with contextlib.ExitStack() as stack:
        stack.enter_context(_disk_errors_told_but_there())
        for part in (table, meta, end):
            file.write(part)
        file.commit(info.id, replace=replace)
    return attrs.evolve(info, size_bytes=size_bytes)


@contextlib.contextmanager
def _disk_errors_told_but_there() -> Iterator[None]:
    """As ``disk_errors_told``, except for FileExistsError."""
    there: FileExistsError | None = None
    with disk_errors_told(THE_ARCHIVE):
        try:
            yield
        except FileExistsError as error:
            there = error
    if there is not None:
        raise there


def _blocks(source: ContentSource) -> Iterator[memoryview]:
    """Yield the content of ``source`` in blocks, in buffers that are filled again some blocks later."""
    ring: list[memoryview] = []
    for number in itertools.count():
        if len(ring) < DECISION_BLOCKS + RING:
            ring.append(memoryview(bytearray(CONTENT_BLOCK_BYTES)))
        buffer = ring[number % len(ring)] if number >= DECISION_BLOCKS + RING else ring[-1]
        filled = 0
        while filled < CONTENT_BLOCK_BYTES and (count := source.readinto(buffer[filled:])):
            filled += count
        if filled:
            yield buffer[:filled]
        if filled < CONTENT_BLOCK_BYTES:
            return
