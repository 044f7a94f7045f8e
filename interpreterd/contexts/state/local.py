"""The state of this daemon's contexts: implements ``model.state_port.StateService``, which describes each verb."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING

from interpreterd.contexts.context import Context
from interpreterd.contexts.manager import Manager
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.forks import ForkContext, ForkInfo
from interpreterd.model.state_errors import NoStateDirectory

if TYPE_CHECKING:
    from interpreterd.contexts.state.archives import KeptArchives
    from interpreterd.contexts.state.carrying import ArchiveDownload

if TYPE_CHECKING:
    from interpreterd.contexts.state.checkpoints import Checkpoints


class LocalState:
    """Implements ``StateService``, and ``tenants.owned.OwnedState``."""

    def __init__(self, manager: Manager) -> None:
        """Serve the contexts of ``manager``, which stays the caller's."""
        self._manager = manager

    async def fork(self, context_id: str, request: ForkContext) -> ForkInfo:
        from interpreterd.contexts.state.forking import fork

        return await fork(self._manager, context_id, request)

    async def checkpoint(self, context_id: str, name: str = "") -> CheckpointInfo:
        from interpreterd.contexts.state.going_back import keep

        context = self._manager.get(context_id)
        checkpoints = self._manager.keeper.checkpoints_of(context)
        self._manager.tenancies.quotas.check_checkpoint(context.account)
        return await keep(context, checkpoints, name)

    async def checkpoints(self, context_id: str) -> Sequence[CheckpointInfo]:
        checkpoints = self._manager.existing(context_id).checkpoints
        if checkpoints is None:
            return []
        await checkpoints.measure()
        return [it.info() for it in checkpoints.parked()]

    async def delete_checkpoint(self, context_id: str, checkpoint: str) -> None:
        _, checkpoints = self._checkpoints(context_id)
        parked = checkpoints.find(checkpoint)
        parked.drop("deleted")
        await parked.gone()

    async def restore(self, context_id: str, checkpoint: str) -> RestoreInfo:
        from interpreterd.contexts.state.going_back import go_back

        context, checkpoints = self._checkpoints(context_id)
        checkpoints.find(checkpoint)
        return await go_back(context, checkpoints, lambda: checkpoints.find(checkpoint))

    async def undo(self, context_id: str) -> RestoreInfo:
        from interpreterd.contexts.state.going_back import go_back

        context, checkpoints = self._checkpoints(context_id)
        return await go_back(context, checkpoints, checkpoints.before_last, undo=True)

    def _checkpoints(self, context_id: str) -> "tuple[Context, Checkpoints]":
        context = self._manager.existing(context_id)
        return context, self._manager.keeper.checkpoints_of(context)

    async def archive(self, context_id: str, name: str = "") -> ArchiveInfo:
        context, archives = self._to_be_kept(context_id), self._archives
        python = await self._manager.python()
        return await context.operate(lambda worker: archives.write(context, worker, python, name=name))

    async def hibernate(self, context_id: str) -> ContextInfo:
        context = self._to_be_kept(context_id)
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
        return await self._archives.owner(archive_id)

    def _to_be_kept(self, context_id: str) -> "Context":
        """Return a context; the default one is not made only to be refused."""
        if self._manager.archives is None and context_id in self._manager.tenancies.defaults:
            raise NoStateDirectory
        return self._manager.get(context_id)

    @property
    def _archives(self) -> "KeptArchives":
        if self._manager.archives is None:
            raise NoStateDirectory
        return self._manager.archives
