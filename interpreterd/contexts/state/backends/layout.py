"""The layout of an archive's file: a head, blocks of content, and a tail that vouches for all of it.

    head     magic, version of the format
    blocks   the content in pieces of ``CONTENT_BLOCK_BYTES``, each as it is or compressed
    table    for each block its size here, its size in the content, its SHA-256
    meta     JSON: what ``ArchiveMeta`` has
    end      the sizes of these parts, the mark of the key, a SHA-256 and an HMAC of all but the blocks, magic

The table has the digests of the blocks, so the HMAC (RFC 2104, SHA-256) covers them, and their order. It is checked
before any block is, and each block before it is used: so content can be used while it is read. Without the key, the
SHA-256 tells a damaged file from a foreign one.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator
from typing import Final

from attrs import frozen

CONTENT_BLOCK_BYTES: Final = 1 << 20
KEY_BYTES: Final = 32
META_LIMIT_BYTES: Final = 4 << 20
FORMAT_VERSION: Final = 1
_MAGIC: Final = b"\x93ipdarc\n"
_END_MAGIC: Final = b"cradpi\x93\n"
_HEAD: Final = struct.Struct("<8sII")
_ROW: Final = struct.Struct("<II32s")
_SIZES: Final = struct.Struct("<QQI8s")
_DIGEST_BYTES: Final = 32
HEAD_BYTES: Final = _HEAD.size
ROW_BYTES: Final = _ROW.size
END_BYTES: Final = _SIZES.size + 2 * _DIGEST_BYTES + len(_END_MAGIC)
ARCHIVE_HEAD: Final = _HEAD.pack(_MAGIC, FORMAT_VERSION, 0)
_COMPRESSED: Final = 1 << 31  # the bit of a block's size here


class Damaged(ValueError):
    """The bytes are not those of a whole archive. The message goes on after ``is corrupt:``."""


class Foreign(ValueError):
    """The archive was signed with another key."""


@frozen
class TableRow:
    """A row of the table.

    Attributes:
        stored_bytes: Its size in the file.
        size_bytes: Its size in the content; at most ``CONTENT_BLOCK_BYTES``.
        digest: SHA-256 of what is in the file.
    """

    stored_bytes: int
    size_bytes: int
    digest: bytes
    is_compressed: bool

    def packed(self) -> bytes:
        """Return its row."""
        return _ROW.pack(self.stored_bytes | (_COMPRESSED if self.is_compressed else 0), self.size_bytes, self.digest)


@frozen
class Tail:
    """The end of a file: the sizes of its parts, and what vouches for them."""

    blocks_bytes: int
    table_bytes: int
    meta_bytes: int
    key_mark: bytes
    checksum: bytes = b""
    signature: bytes = b""

    @property
    def size_bytes(self) -> int:
        """The size of the whole file."""
        return HEAD_BYTES + self.blocks_bytes + self.table_bytes + self.meta_bytes + END_BYTES

    @property
    def table_at(self) -> int:
        """Where the table begins; the meta follows it."""
        return HEAD_BYTES + self.blocks_bytes

    def sizes(self) -> bytes:
        """Return the bytes that the digests cover besides head, table and meta."""
        return _SIZES.pack(self.blocks_bytes, self.table_bytes, self.meta_bytes, self.key_mark)


class Seal:
    """The digests over head, table, meta and sizes, fed in this order."""

    def __init__(self, key: bytes | None) -> None:
        """Sign with ``key``; without one, only ``check`` can be used, and at best raises ``Foreign``."""
        self._key = key
        self._checksum = hashlib.sha256(ARCHIVE_HEAD)
        self._signature = hmac.new(key or bytes(KEY_BYTES), ARCHIVE_HEAD, hashlib.sha256)

    def feed(self, data: "bytes | bytearray") -> None:
        """Take the next part."""
        self._checksum.update(data)
        self._signature.update(data)

    def end(self, blocks_bytes: int, table_bytes: int, meta_bytes: int) -> bytes:
        """Return the bytes of the end."""
        assert self._key is not None
        sizes = Tail(blocks_bytes, table_bytes, meta_bytes, key_mark(self._key)).sizes()
        self.feed(sizes)
        return sizes + self._checksum.digest() + self._signature.digest() + _END_MAGIC

    def check(self, end: Tail) -> None:
        """Raise ``Damaged`` or ``Foreign`` unless ``end`` vouches for what was fed."""
        self.feed(end.sizes())
        if not hmac.compare_digest(self._checksum.digest(), end.checksum):
            raise Damaged("its checksum is wrong")
        if self._key is None:
            raise Foreign
        if not hmac.compare_digest(self._signature.digest(), end.signature):
            raise Damaged("its signature is wrong")


def key_mark(key: bytes) -> bytes:
    """Return what tells this key from others, and nothing about it."""
    return hashlib.sha256(b"interpreterd archive key\0" + key).digest()[:8]


def check_head(data: bytes) -> None:
    """Raise ``Damaged`` unless ``data`` is the head of an archive of this format."""
    if len(data) < HEAD_BYTES or data[:8] != _MAGIC:
        raise Damaged("it does not begin as an archive does")
    _, version, _ = _HEAD.unpack(data)
    if version > FORMAT_VERSION:
        raise Damaged(f"it has the format {version}, and this daemon knows formats up to {FORMAT_VERSION}")
    if data != ARCHIVE_HEAD:
        raise Damaged("its head is wrong")


def parse_tail(data: bytes, size_bytes: int) -> Tail:
    """Return the end of a file of ``size_bytes``; ``data`` are its last ``END_BYTES``. Raises ``Damaged``."""
    if len(data) < END_BYTES or not data.endswith(_END_MAGIC):
        raise Damaged("its end is missing")
    blocks, table, meta, mark = _SIZES.unpack_from(data)
    digests = data[_SIZES.size :]
    end = Tail(blocks, table, meta, mark, digests[:_DIGEST_BYTES], digests[_DIGEST_BYTES : 2 * _DIGEST_BYTES])
    if end.size_bytes != size_bytes or table % ROW_BYTES or meta > META_LIMIT_BYTES:
        raise Damaged("the sizes of its parts are wrong")
    return end


def parse_rows(data: bytes) -> Iterator[TableRow]:
    """Yield the blocks of whole rows of the table. Raises ``Damaged``."""
    for stored, size, digest in _ROW.iter_unpack(data):
        is_compressed = bool(stored & _COMPRESSED)
        stored &= ~_COMPRESSED
        if not 0 < size <= CONTENT_BLOCK_BYTES or stored > size or (stored != size and not is_compressed):
            raise Damaged("its table is wrong")
        yield TableRow(stored, size, digest, is_compressed)
