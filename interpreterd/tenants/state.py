"""What the contexts of one tenant keep, as dialects see it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NoReturn

import attrs

from interpreterd.contexts.service import ArchiveContent, StateService
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.forks import ForkContext, ForkInfo
from interpreterd.model.state_errors import ArchiveNotFound
from interpreterd.tenants.names import OwnNames
from interpreterd.tenants.owned import OwnedState
from interpreterd.tenants.refusing import refuse


class TenantState:
    """Implements ``model.state_port.StateService`` for one tenant."""

    def __init__(self, inner: OwnedState, names: OwnNames) -> None:
        """Serve what ``inner`` keeps of the tenant whose ``names`` these are."""
        self._inner = inner
        self._names = names
        self._tenant = None if names.sees_all else names.tenant

    async def fork(self, context_id: str, request: ForkContext) -> ForkInfo:
        with self._names.in_own_words(context_id):
            info = await self._inner.fork(self._names.inside(context_id), request)
        return attrs.evolve(info, contexts=tuple(map(self._names.shown, info.contexts)))

    async def checkpoint(self, context_id: str, name: str = "") -> CheckpointInfo:
        with self._names.in_own_words(context_id):
            return await self._inner.checkpoint(self._names.inside(context_id), name)

    async def checkpoints(self, context_id: str) -> Sequence[CheckpointInfo]:
        with self._names.in_own_words(context_id):
            return await self._inner.checkpoints(self._names.inside(context_id))

    async def delete_checkpoint(self, context_id: str, checkpoint: str) -> None:
        with self._names.in_own_words(context_id):
            await self._inner.delete_checkpoint(self._names.inside(context_id), checkpoint)

    async def restore(self, context_id: str, checkpoint: str) -> RestoreInfo:
        with self._names.in_own_words(context_id):
            return self._restored(await self._inner.restore(self._names.inside(context_id), checkpoint))

    async def undo(self, context_id: str) -> RestoreInfo:
        with self._names.in_own_words(context_id):
            return self._restored(await self._inner.undo(self._names.inside(context_id)))

    async def archive(self, context_id: str, name: str = "") -> ArchiveInfo:
        with self._names.in_own_words(context_id):
            return self._shown(await self._inner.archive(self._names.inside(context_id), name))

    async def hibernate(self, context_id: str) -> ContextInfo:
        with self._names.in_own_words(context_id):
            return self._names.shown(await self._inner.hibernate(self._names.inside(context_id)))

    async def archives(self, *, after: str | None = None) -> Iterable[ArchiveInfo]:
        found = await self._inner.archives(after=None if after is None else await self._own(after), tenant=self._tenant)
        return map(self._shown, found)

    async def archive_info(self, archive: str) -> ArchiveInfo:
        return self._shown(await self._inner.archive_info(archive, tenant=self._tenant))

    async def delete_archive(self, archive_id: str) -> None:
        await self._inner.delete_archive(await self._own(archive_id))

    async def archive_content(self, archive_id: str) -> ArchiveContent:
        return await self._inner.archive_content(await self._own(archive_id))

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes]) -> ArchiveInfo:
        return self._shown(await self._inner.put_archive(archive_id, content, tenant=self._names.tenant))

    async def _own(self, archive_id: str) -> str:
        """Return ``archive_id``. Raises ``ArchiveNotFound`` for an archive that is not the tenant's."""
        owner = await self._inner.owner_of_archive(archive_id)
        if owner is None or self._tenant not in (None, owner):
            raise ArchiveNotFound(archive_id)
        return archive_id

    def _restored(self, info: RestoreInfo) -> RestoreInfo:
        return attrs.evolve(info, context=self._names.shown(info.context))

    def _shown(self, info: ArchiveInfo) -> ArchiveInfo:
        """Return an archive as the tenant's clients know it; those that see all are told whose it is."""
        context_id = self._names.outside(info.context_id)
        return attrs.evolve(info, context_id=context_id, tenant=info.tenant if self._tenant is None else None)


class ReadOnlyState:
    """Implements ``model.state_port.StateService`` for a token that may only read: it may list."""

    def __init__(self, inner: StateService) -> None:
        """Let ``inner`` be read."""
        self._inner = inner

    async def checkpoints(self, context_id: str) -> Sequence[CheckpointInfo]:
        return await self._inner.checkpoints(context_id)

    async def archives(self, *, after: str | None = None) -> Iterable[ArchiveInfo]:
        return await self._inner.archives(after=after)

    async def archive_info(self, archive: str) -> ArchiveInfo:
        return await self._inner.archive_info(archive)

    async def archive_content(self, archive_id: str) -> NoReturn:
        refuse()

    async def fork(self, context_id: str, request: object) -> NoReturn:
        refuse()

    async def checkpoint(self, context_id: str, name: str = "") -> NoReturn:
        refuse()

    async def delete_checkpoint(self, context_id: str, checkpoint: str) -> NoReturn:
        refuse()

    async def restore(self, context_id: str, checkpoint: str) -> NoReturn:
        refuse()

    async def undo(self, context_id: str) -> NoReturn:
        refuse()

    async def archive(self, context_id: str, name: str = "") -> NoReturn:
        refuse()

    async def hibernate(self, context_id: str) -> NoReturn:
        refuse()

    async def delete_archive(self, archive_id: str) -> NoReturn:
        refuse()

    async def put_archive(self, archive_id: str, content: object) -> NoReturn:
        refuse()
