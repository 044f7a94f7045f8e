"""The length of an execution's code as UTF-8, and its SHA-256.

For 16 MiB that takes some 15 ms, too long for an event loop. While a piece is hashed, other threads run.
"""

import hashlib
from typing import Final, NamedTuple

SHORT_CHARS: Final = 256 << 10  # a third of a millisecond
_PIECE_CHARS: Final = 64 << 10


class Digest(NamedTuple):
    """The digest of one piece of code."""

    utf8_bytes: int
    sha256: str


def digest(code: str) -> Digest:
    """Return the digest of ``code``; if ``code`` is longer than ``SHORT_CHARS``, call it in a thread."""
    first = code[:_PIECE_CHARS].encode(errors="surrogatepass")  # mostly all of it
    utf8_bytes = len(first)
    sha256 = hashlib.sha256(first)
    for start in range(_PIECE_CHARS, len(code), _PIECE_CHARS):
        piece = code[start : start + _PIECE_CHARS].encode(errors="surrogatepass")
        utf8_bytes += len(piece)
        sha256.update(piece)
    return Digest(utf8_bytes, sha256.hexdigest())


def utf8_bytes(text: str) -> int:
    """Return the length of ``text`` as UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
