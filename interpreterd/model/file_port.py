"""The part of the port that is about files: ``contexts.service`` has the rest."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from interpreterd.model.files import FileCondition, FileInfo, FilePage


class Download(Protocol):
    """A file that is open for reading within a block.

    To enter the block raises ``InvalidPath``, ``FileError``, or ``LimitReached`` if too many are open.
    """

    @property
    def info(self) -> FileInfo:
        """The file as it was when it was opened."""
        ...

    async def read(self, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; none at the end of the file. Raises ``FileError``."""
        ...


class Upload(Protocol):
    """A file that is written within its block; without ``commit`` nothing of it stays. Raises as ``Download``."""

    async def write(self, data: bytes) -> None:
        """Add ``data``. Raises ``FileError``."""
        ...

    async def commit(self) -> tuple[FileInfo, bool]:
        """Put the file in its place, at once; return whether there was none before. Raises ``FileError``."""
        ...


class ContextFiles(Protocol):
    """The files below a context's directory: no path or link leads out of it. ``model.files`` says what a path is."""

    async def list(self, *, glob: str | None = None, after: str | None = None) -> FilePage:
        """Return what matches ``glob`` (None: everything), after a position: the ``next`` of the page before.

        Raises:
            InvalidPath, FileError
        """
        ...

    def reading(self, path: str) -> AbstractAsyncContextManager[Download]:
        """Return a block that reads the file at ``path``."""
        ...

    def writing(
        self, path: str, condition: FileCondition, *, size_bytes: int | None = None
    ) -> AbstractAsyncContextManager[Upload]:
        """Return a block that writes the file at ``path``, of ``size_bytes`` if that is known; it makes directories.

        ``condition`` must hold when the block begins, and when the file is committed; else ``ConditionFailed``.
        """
        ...

    async def delete(self, path: str, condition: FileCondition, *, recursive: bool = False) -> None:
        """Delete a file, a link or an empty directory; a directory with everything in it if ``recursive``.

        Raises:
            InvalidPath, FileError
        """
        ...
