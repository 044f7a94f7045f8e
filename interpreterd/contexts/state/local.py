"""The state of this daemon's contexts: implements ``model.state_port.StateService``, which describes each verb."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from interpreterd.contexts.manager import Manager
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.forks import ForkContext, ForkInfo
from interpreterd.model.state_errors import NoStateDirectory, OperationFailed

if TYPE_CHECKING:
    from interpreterd.contexts.state.archives import KeptArchives
    from interpreterd.contexts.state.carrying import ArchiveDownload


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
        context, archives = self._manager.existing(context_id), self._archives
        python = await self._manager.python()
        return await context.operate(lambda worker: archives.write(context, worker, python, name=name))

    async def hibernate(self, context_id: str) -> ContextInfo:
        context = self._manager.existing(context_id)
        if self._manager.survival is None:
            raise NoStateDirectory
        await self._manager.survival.attached(context).hibernate()
        return context.info()

    async def archives(self, *, after: str | None = None, tenant: str | None = None) -> Iterable[ArchiveInfo]:
        return await self._archives.list(after=after, tenant=tenant)

    async def archive_info(self, archive: str, *, tenant: str | None = None) -> ArchiveInfo:
        archives = self._archives
        return await archives.info(await archives.find(archive, tenant=tenant))

    async def delete_archive(self, archive_id: str) -> None:
        await self._archives.delete(archive_id)

    async def archive_content(self, archive_id: str) -> "ArchiveDownload":
        return await self._archives.content(archive_id)

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes], *, tenant: str = "") -> ArchiveInfo:
        return await self._archives.put(archive_id, content, tenant=tenant)

    async def owner_of_archive(self, archive_id: str) -> str | None:
        found = [it for it in await self._archives.list() if it.id == archive_id]
        return found[0].tenant if found else None

    @property
    def _archives(self) -> "KeptArchives":
        if self._manager.archives is None:
            raise NoStateDirectory
        return self._manager.archives


def _refuse() -> NoReturn:
    raise OperationFailed("this daemon cannot do that yet")
