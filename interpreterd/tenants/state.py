"""What the contexts of one tenant keep, as dialects see it."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NoReturn

import attrs

from interpreterd.contexts.service import ArchiveContent, StateService
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.forks import ForkContext, ForkInfo
from interpreterd.model.state_errors import ArchiveNotFound
from interpreterd.tenants.owned import OwnedState
from interpreterd.tenants.refusing import refuse


class TenantState:
    """Implements ``model.state_port.StateService`` for one tenant."""

    def __init__(
        self,
        inner: OwnedState,
        tenant: str,
        *,
        sees_all: bool,
        inside: Callable[[str], str],
        shown: Callable[[ContextInfo], ContextInfo],
    ) -> None:
        """Serve what ``inner`` keeps of ``tenant``. ``inside`` checks an id and translates it, ``shown`` a context."""
        self._inner = inner
        self._tenant = tenant
        self._sees_all = sees_all
        self._inside = inside
        self._shown = shown

    async def fork(self, context_id: str, request: ForkContext) -> ForkInfo:
        info = await self._inner.fork(self._inside(context_id), request)
        return attrs.evolve(info, contexts=tuple(map(self._shown, info.contexts)))

    async def checkpoint(self, context_id: str, name: str = "") -> CheckpointInfo:
        return await self._inner.checkpoint(self._inside(context_id), name)

    async def checkpoints(self, context_id: str) -> Sequence[CheckpointInfo]:
        return await self._inner.checkpoints(self._inside(context_id))

    async def delete_checkpoint(self, context_id: str, checkpoint: str) -> None:
        await self._inner.delete_checkpoint(self._inside(context_id), checkpoint)

    async def restore(self, context_id: str, checkpoint: str) -> RestoreInfo:
        return self._shown_restore(await self._inner.restore(self._inside(context_id), checkpoint))

    async def undo(self, context_id: str) -> RestoreInfo:
        return self._shown_restore(await self._inner.undo(self._inside(context_id)))

    async def archive(self, context_id: str, name: str = "") -> ArchiveInfo:
        return await self._inner.archive(self._inside(context_id), name)

    async def hibernate(self, context_id: str) -> ContextInfo:
        return self._shown(await self._inner.hibernate(self._inside(context_id)))

    async def archives(self, *, after: str | None = None) -> Iterable[ArchiveInfo]:
        if after is not None:
            self._own(after)
        return await self._inner.archives(after=after, tenant=None if self._sees_all else self._tenant)

    async def archive_info(self, archive: str) -> ArchiveInfo:
        return await self._inner.archive_info(archive, tenant=None if self._sees_all else self._tenant)

    async def delete_archive(self, archive_id: str) -> None:
        await self._inner.delete_archive(self._own(archive_id))

    async def archive_content(self, archive_id: str) -> ArchiveContent:
        return await self._inner.archive_content(self._own(archive_id))

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes]) -> ArchiveInfo:
        return await self._inner.put_archive(archive_id, content, tenant=self._tenant)

    def _own(self, archive_id: str) -> str:
        owner = self._inner.owner_of_archive(archive_id)
        if owner is None or not (self._sees_all or owner == self._tenant):
            raise ArchiveNotFound(archive_id)
        return archive_id

    def _shown_restore(self, info: RestoreInfo) -> RestoreInfo:
        return attrs.evolve(info, context=self._shown(info.context))


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
