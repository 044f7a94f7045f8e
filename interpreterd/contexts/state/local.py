"""The state of this daemon's contexts: implements ``model.state_port.StateService``, which describes each verb."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NoReturn

from interpreterd.contexts.manager import Manager
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.forks import ForkContext, ForkInfo
from interpreterd.model.state_errors import NoStateDirectory, OperationFailed
from interpreterd.model.state_port import ArchiveContent


class LocalState:
    """Implements ``StateService``, and ``tenants.owned.OwnedState``."""

    def __init__(self, manager: Manager) -> None:
        """Serve the contexts of ``manager``, which stays the caller's."""
        self._manager = manager

    async def fork(self, context_id: str, request: ForkContext) -> ForkInfo:
        self._manager.existing(context_id)
        _refuse()

    async def checkpoint(self, context_id: str, name: str = "") -> CheckpointInfo:
        self._manager.existing(context_id)
        _refuse()

    async def checkpoints(self, context_id: str) -> Sequence[CheckpointInfo]:
        self._manager.existing(context_id)
        return []

    async def delete_checkpoint(self, context_id: str, checkpoint: str) -> None:
        self._manager.existing(context_id)
        _refuse()

    async def restore(self, context_id: str, checkpoint: str) -> RestoreInfo:
        self._manager.existing(context_id)
        _refuse()

    async def undo(self, context_id: str) -> RestoreInfo:
        self._manager.existing(context_id)
        _refuse()

    async def archive(self, context_id: str, name: str = "") -> ArchiveInfo:
        self._manager.existing(context_id)
        raise NoStateDirectory

    async def hibernate(self, context_id: str) -> ContextInfo:
        context = self._manager.existing(context_id)
        if self._manager.survival is None:
            raise NoStateDirectory
        await self._manager.survival.attached(context).hibernate()
        return context.info()

    async def archives(self, *, after: str | None = None, tenant: str | None = None) -> Iterable[ArchiveInfo]:
        raise NoStateDirectory

    async def archive_info(self, archive: str, *, tenant: str | None = None) -> ArchiveInfo:
        raise NoStateDirectory

    async def delete_archive(self, archive_id: str) -> None:
        raise NoStateDirectory

    async def archive_content(self, archive_id: str) -> ArchiveContent:
        raise NoStateDirectory

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes], *, tenant: str = "") -> ArchiveInfo:
        raise NoStateDirectory

    def owner_of_archive(self, archive_id: str) -> str | None:
        return None


def _refuse() -> NoReturn:
    raise OperationFailed("this daemon cannot do that yet")
