"""What every backend of state can do. All of it blocks, and is called in threads."""

from collections.abc import Callable, Collection
from typing import Any, Literal, Protocol

from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.receiving import ArchiveUpload
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.model.archives import ArchiveInfo

ArchiveKind = Literal["archives", "rests"]  # those that clients have asked for; those of contexts that rest


class StateBackend(Protocol):
    """Archives, whose ids are names of files, and small records. What it has, it has whole and on the disk."""

    def begin(self, kind: ArchiveKind, may_have: Callable[[int], None] | None = None) -> ArchiveWriter:
        """Return a writer, which the caller closes; ``may_have`` is as for ``ArchiveWriter``.

        Raises:
            DiskFull, FileError, OutOfResources
            LimitReached: By its methods as well: the archives take up as much as they may.
        """
        ...

    def open(self, kind: ArchiveKind, archive_id: str) -> ArchiveReader:
        """Return a reader, which the caller closes.

        Raises:
            ArchiveNotFound, ArchiveRefused, FileError, OutOfResources
        """
        ...

    def content_file(self, reader: ArchiveReader) -> int:
        """Return a descriptor for a worker, see ``ArchiveReader.content_file``."""
        ...

    def receive(self, kind: ArchiveKind, may_have: Callable[[int], None] | None = None) -> ArchiveUpload:
        """Return what takes an archive from a client; the caller closes it. Raises as ``begin``."""
        ...

    def list(self, kind: ArchiveKind) -> list[ArchiveInfo]:
        """Return all archives whose tails are whole, oldest first. Raises FileError."""
        ...

    def delete(self, kind: ArchiveKind, archive_id: str) -> bool:
        """Delete an archive; return whether there was one. Who reads it goes on reading. Raises ``FileError``."""
        ...

    def put(self, writer: ArchiveWriter, info: ArchiveInfo) -> ArchiveInfo:
        """Commit ``writer``; an archive of this id is replaced. Raises as ``ArchiveWriter.commit``."""
        ...

    def write_record(self, name: str, value: Any) -> None:
        """Make or replace a record: JSON of at most ``STATE_RECORD_LIMIT_BYTES``. Raises DiskFull, FileError."""
        ...

    def records(self) -> dict[str, Any]:
        """Return all records that are whole, by their names."""
        ...

    def record_names(self) -> Collection[str]:
        """Return the names of all records, of those too that cannot be read. Raises FileError."""
        ...

    def record(self, name: str) -> Any:
        """Return a record; None if it is not there, or damaged, which is logged. Raises FileError."""
        ...

    def delete_record(self, name: str) -> bool:
        """Delete a record; return whether there was one. Raises FileError."""
        ...

    @property
    def is_owner(self) -> bool:
        """Whether no other daemon uses it; one that this one replaces may do so for a while."""
        ...

    @property
    def used_bytes(self) -> int:
        """The size of all archives together."""
        ...

    def close(self) -> None:
        """Let other daemons use it."""
        ...
