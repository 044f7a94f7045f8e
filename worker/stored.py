"""The content of an archive: pickles, large buffers beside them, and an index at the end.

    namespace 1\\n  data …  index  footer

The index is JSON in ASCII; the footer has its place and its length. Places are bytes from the content's beginning. A
pickle that turned out to be impossible may leave bytes that the index does not mention.
"""

import os
from io import BufferedReader, RawIOBase

from worker.channel import decode, encode

_BEGINNING = b"namespace 1\n"
_END = b"of index"
_FOOTER_BYTES = 16 + len(_END)
_INDEX_LIMIT_BYTES = 1 << 28
_ALIGNMENT = 64  # of buffers
_PIECES = 1024  # IOV_MAX, limits.h
_PENDING_BYTES = 32 << 20  # of a pickle that may still fail
_AT_ONCE = 1 << 30  # read(2) transfers at most 2 GiB
_READ_BYTES = 1 << 18


class Untaken(Exception):
    """Nobody takes the content any more, or there is no room for it."""


class Broken(Exception):
    """The content is not what ``Writer`` writes."""


class Writer:
    """Writes a content to a descriptor, a pipe or a file. Raises Untaken.

    It is the file of a pickler: between ``begin`` and ``commit`` or ``abort``, what that writes is one pickle.

    Attributes:
        pickles: The places of the pickles so far: first byte, number of bytes.
        size: The number of bytes so far.
    """

    def __init__(self, fd):
        self._fd = fd
        self._pending, self._pending_bytes, self._extents = [], 0, []
        self.pickles, self.size = [], 0
        self._pid = os.getpid()
        self._write([_BEGINNING])

    def begin(self):
        """A pickle begins."""
        self._pending, self._pending_bytes, self._extents = [], 0, []

    def write(self, data):
        """Take a part of the pickle. Bytes are kept, not copied."""
        self._pending.append(data)
        size = len(data) if type(data) is bytes else memoryview(data).nbytes
        self._pending_bytes += size
        if self._pending_bytes > _PENDING_BYTES:
            self._flush()
        return size

    def commit(self):
        """The pickle is complete."""
        self._flush()
        self.pickles += self._extents

    def abort(self):
        """The pickle has failed."""
        self.begin()

    def add(self, buffer):
        """Write ``buffer``, a memoryview of bytes; return its place."""
        self._write([bytes(-self.size % _ALIGNMENT)])
        place = [self.size, buffer.nbytes]
        self._write([buffer])
        return place

    def end(self, index):
        """Write the index, and the end."""
        start, data = self.size, encode({**index, "pickles": self.pickles}).encode()
        self._write([data, start.to_bytes(8, "big"), len(data).to_bytes(8, "big"), _END])

    def _flush(self):
        if self._pending_bytes:
            self._extents.append([self.size, self._pending_bytes])
            self._write(self._pending)
        self._pending, self._pending_bytes = [], 0

    def _write(self, pieces):
        if os.getpid() != self._pid:  # a __reduce__ has forked: there is one archive
            os._exit(0)
        pieces = [piece for piece in (memoryview(piece).cast("B") for piece in pieces) if piece.nbytes]
        position = 0
        while position < len(pieces):
            try:
                written = os.writev(self._fd, pieces[position : position + _PIECES])
            except OSError as error:
                raise Untaken(f"the archive could not be written: {error.strerror}") from None
            self.size += written
            while position < len(pieces) and written >= pieces[position].nbytes:
                written -= pieces[position].nbytes
                position += 1
            if written:
                pieces[position] = pieces[position][written:]


class Reader:
    """Reads a content from a descriptor that can seek, or from a part of it. Raises Broken.

    Attributes:
        index: What ``Writer.end`` was given.
    """

    def __init__(self, fd, start=0, size=None):
        self._fd, self._start = fd, start
        self._size = os.fstat(fd).st_size - start if size is None else size
        if self._size < len(_BEGINNING) + _FOOTER_BYTES or self.read(0, len(_BEGINNING)) != _BEGINNING:
            raise Broken("it does not begin as an archive of a namespace does")
        footer = self.read(self._size - _FOOTER_BYTES, _FOOTER_BYTES)
        place, length = int.from_bytes(footer[:8], "big"), int.from_bytes(footer[8:16], "big")
        if footer[16:] != _END or place + length != self._size - _FOOTER_BYTES or length > _INDEX_LIMIT_BYTES:
            raise Broken("its end is missing")
        try:
            self.index = decode(self.read(place, length))
        except Exception:  # of a scanner in C, which may raise SystemError as well
            raise Broken("its index cannot be read") from None
        if type(self.index) is not dict:
            raise Broken("its index cannot be read")

    def read(self, place, size):
        """Return ``size`` bytes from ``place`` on."""
        data = bytearray(size)
        self.fill(memoryview(data), place)
        return bytes(data)

    def fill(self, memory, place):
        """Read so many bytes as ``memory``, a memoryview of bytes, has, from ``place`` on."""
        if not 0 <= place <= self._size - memory.nbytes:
            raise Broken("it refers to bytes that it does not have")
        done = 0
        while done < memory.nbytes:
            got = os.preadv(self._fd, [memory[done : done + _AT_ONCE]], self._start + place + done)
            if not got:
                raise Broken("it ends too early")
            done += got

    def pickles(self):
        """Return a file with all pickles, one after the other."""
        return BufferedReader(_Extents(self, self.index["pickles"]), _READ_BYTES)


class _Extents(RawIOBase):
    def __init__(self, reader, extents):
        self._reader = reader
        self._extents = list(extents)[::-1]

    def readable(self):
        return True

    def readinto(self, memory):
        if not self._extents:
            return 0
        place, size = self._extents[-1]
        count = min(len(memory), size)
        self._reader.fill(memoryview(memory).cast("B")[:count], place)
        if count == size:
            self._extents.pop()
        else:
            self._extents[-1] = [place + count, size - count]
        return count
