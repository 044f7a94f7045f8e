"""The part of the port ``contexts.service`` that is about what contexts keep: forks, checkpoints, archives."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.file_port import Download
from interpreterd.model.forks import ForkContext, ForkInfo


class ArchiveContent(Download, Protocol):
    """The file of an archive, open for one reader, who closes it."""

    def close(self) -> None:
        """Read no more. Repeating it changes nothing."""
        ...


class StateService(Protocol):
    """Verbs about the state of contexts. Each may raise ``ServerShuttingDown``; those of a context ``ContextNotFound``.

    What needs the worker waits for its turn in the context's queue, and may raise ``LimitReached`` if that is full,
    ``WorkerStartFailed`` if the context has no worker and gets none, and ``OperationFailed``. The context goes on as it
    was after each error.
    """

    async def fork(self, context_id: str, request: ForkContext) -> ForkInfo:
        """Return copies of a context. Raises also ``NotCarried``; there are then no copies."""
        ...

    async def checkpoint(self, context_id: str, name: str = "") -> CheckpointInfo:
        """Keep a stopped copy of a context."""
        ...

    async def checkpoints(self, context_id: str) -> Sequence[CheckpointInfo]:
        """Return a context's checkpoints, oldest first."""
        ...

    async def delete_checkpoint(self, context_id: str, checkpoint: str) -> None:
        """Forget the checkpoint of this id or name. Raises ``CheckpointNotFound``."""
        ...

    async def restore(self, context_id: str, checkpoint: str) -> RestoreInfo:
        """Go back to the checkpoint of this id or name, which stays. Raises ``CheckpointNotFound``."""
        ...

    async def undo(self, context_id: str) -> RestoreInfo:
        """Go back before the last execution. Raises ``NothingToUndo``."""
        ...

    async def archive(self, context_id: str, name: str = "") -> ArchiveInfo:
        """Write a context's variables to disk. Raises ``NoStateDirectory``, ``DiskFull``."""
        ...

    async def hibernate(self, context_id: str) -> ContextInfo:
        """Archive a context and end its worker. Raises ``NotSavedWhole``, ``NoStateDirectory``, ``DiskFull``."""
        ...

    async def archives(self, *, after: str | None = None) -> Iterable[ArchiveInfo]:
        """Return all archives, oldest first, from behind the id ``after`` on. Raises ``NoStateDirectory``."""
        ...

    async def archive_info(self, archive: str) -> ArchiveInfo:
        """Return the archive of this id, or the latest of this name. Raises ``ArchiveNotFound``."""
        ...

    async def delete_archive(self, archive_id: str) -> None:
        """Delete an archive. Raises ``ArchiveNotFound``."""
        ...

    async def archive_content(self, archive_id: str) -> ArchiveContent:
        """Return the bytes of an archive. Raises ``ArchiveNotFound``."""
        ...

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes]) -> ArchiveInfo:
        """Take an archive that ``archive_content`` has given, perhaps of another daemon with the same key.

        Raises:
            ArchiveRefused, InvalidRequest: It is corrupt or foreign, or has another id.
            ArchiveExists: Another one has its id.
            LimitReached, DiskFull
        """
        ...
