"""Archives without a worker: content for the store of archives, and what is read of it."""

import contextlib
import random
from pathlib import Path
from typing import Any

from interpreterd.contexts.state.backends.backend import StateBackend
from interpreterd.contexts.state.backends.directory import DirectoryStore
from interpreterd.model.archives import ArchiveInfo


class Content:
    """A source of content, in pieces of at most ``piece_bytes``."""

    is_waiting = True

    def __init__(self, data: bytes, *, piece_bytes: int = 1 << 20, failure: Exception | None = None) -> None:
        self._left = memoryview(data)
        self._piece_bytes = piece_bytes
        self._failure = failure

    def readinto(self, buffer: memoryview) -> int:
        if not self._left and self._failure is not None:
            raise self._failure
        piece = self._left[: min(len(buffer), self._piece_bytes)]
        buffer[: len(piece)] = piece
        self._left = self._left[len(piece) :]
        return len(piece)


def noise(size: int, seed: object = 0) -> bytes:
    """Return bytes that cannot be compressed, the same for the same ``seed``."""
    return random.Random(str(seed)).randbytes(size)


def about(archive_id: str, **more: Any) -> ArchiveInfo:
    """Return what an archive may say of itself."""
    return ArchiveInfo(**{"id": archive_id, "created_at": 1.5, "python": "3.11.7", "saved": ("a", "b"), **more})


def keep(store: StateBackend, archive_id: str, data: bytes = b"content", **more: Any) -> ArchiveInfo:
    """Put an archive into ``store``."""
    writer = store.begin("archives")
    with contextlib.closing(writer):
        writer.copy_from(Content(data))
        return store.put(writer, about(archive_id, **more))


def kept(store: StateBackend, archive_id: str) -> bytes:
    """Return the content of an archive."""
    with contextlib.closing(store.open("archives", archive_id)) as reader:
        return b"".join(reader.blocks())


def store_at(path: Path, **more: Any) -> "contextlib.closing[DirectoryStore]":
    """Return a block that has the store of a directory."""
    return contextlib.closing(DirectoryStore(str(path), **more))
