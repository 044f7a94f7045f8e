"""The archives of this daemon: makes, lists, sends, takes and loads them, and counts them for their tenants."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from interpreterd.contexts.ids import ids_after, new_id
from interpreterd.contexts.state.archiving import write_archive
from interpreterd.contexts.state.backends import BACKENDS
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.room import LEAST_FILE_BYTES, Room
from interpreterd.contexts.state.carrying import ArchiveDownload, in_state_thread, take_archive
from interpreterd.contexts.state.loading import Loading, check_python
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.model.accounts import Account
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.python import Python
from interpreterd.model.state_errors import ArchiveNotFound, ArchiveRefused
from interpreterd.monitoring.states import tell_archive, tell_archived
from interpreterd.pipe.archiving import Archived
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context
    from interpreterd.contexts.state.backends.backend import ArchiveKind, StateBackend
    from interpreterd.contexts.tenancies import Tenancies

IMPLEMENTATION: Final = "cpython"  # workers run on no other


class KeptArchives:
    """All archives in the state directory."""

    def __init__(self, backend: "StateBackend", tenancies: "Tenancies") -> None:
        """Use ``backend``, which stays the caller's; ``count`` comes before everything else."""
        self.backend = backend
        self._tenancies = tenancies
        self._writing: dict[str, Room] = {}  # by tenant

    async def count(self) -> None:
        """Count what is there for the tenants. Raises ``FileError``."""
        for info in await self._all():
            self._count(info, 1)
        for info in await self._all("rests"):
            self._count(info, 1, is_kept=False)

    def _count(self, info: ArchiveInfo, sign: int, *, is_kept: bool = True) -> None:
        account = self._tenancies.accounts.of(info.tenant or "")
        account.archive_bytes += sign * max(info.size_bytes, LEAST_FILE_BYTES)
        account.archives += sign * is_kept

    async def write(
        self, context: "Context", worker: Worker, python: Python, *, name: str = "", kind: "ArchiveKind" = "archives"
    ) -> ArchiveInfo:
        """Write a new archive of ``context``, whose ``worker``, or a copy of it, nothing else uses meanwhile.

        Raises as ``archiving.write_archive``; ``QuotaReached`` as well.
        """
        account, began, archive_id, created_at = context.account, time.monotonic(), new_id(), time.time()

        def described(told: Archived) -> ArchiveInfo:
            return ArchiveInfo(
                id=archive_id,
                name=name,
                created_at=created_at,
                saved=told.saved,
                skipped=told.skipped,
                omitted=told.omitted,
                modules=told.modules,
                python=python.version,
                implementation=IMPLEMENTATION,
                context_id=context.id,
                tenant=account.tenant,
            )

        with self._share(account) as may_have:
            info = await write_archive(self.backend, kind, worker, described, may_have)
        self._count(info, 1, is_kept=kind == "archives")
        if kind == "archives":
            tell_archived(
                context.id,
                account.tenant,
                archive_id=info.id,
                size_bytes=info.size_bytes,
                skipped=len(info.skipped),
                seconds=time.monotonic() - began,
            )
        return info

    def uncount_rest(self, info: ArchiveInfo) -> None:
        """An archive of a context at rest is gone."""
        self._count(info, -1, is_kept=False)

    async def list(self, *, after: str | None = None, tenant: str | None = None) -> Sequence[ArchiveInfo]:
        """Return the archives of ``tenant``, or all, oldest first, from behind ``after``. Raises ArchiveNotFound."""
        found = [it for it in await self._all() if tenant in (None, it.tenant)]
        left = ids_after([it.id for it in found], after, ArchiveNotFound)
        return found[len(found) - len(left) :]

    async def _all(self, kind: "ArchiveKind" = "archives") -> Sequence[ArchiveInfo]:
        return await in_state_thread(lambda: self.backend.list(kind))

    async def find(self, archive: str, *, tenant: str | None = None) -> str:
        """Return the id of the archive of this id, or of the latest of this name; of ``tenant``, unless that is None.

        Raises:
            ArchiveNotFound, FileError
            ArchiveRefused: It is corrupt or foreign, and its tenant is not known.
        """
        refusal = None
        try:
            if tenant in (None, (await self.info(archive)).tenant):
                return archive
        except ArchiveNotFound:
            pass
        except ArchiveRefused as error:
            refusal = error if tenant is None else None
        for it in reversed(await self._all()):
            if archive and it.name == archive and tenant in (None, it.tenant):
                return it.id
        raise refusal or ArchiveNotFound(archive)

    async def info(self, archive_id: str) -> ArchiveInfo:
        """Return all that an archive says of itself. Raises as ``StateBackend.open``."""
        reader = await self._open(archive_id)
        reader.close()
        return reader.info

    async def owner(self, archive_id: str) -> str | None:
        """Return whose an archive is; None if it is not there, or cannot be used."""
        try:
            return (await self.info(archive_id)).tenant
        except (ArchiveNotFound, ArchiveRefused):
            return None

    async def _open(self, archive_id: str) -> ArchiveReader:
        return await in_state_thread(lambda: self.backend.open("archives", archive_id))

    async def delete(self, archive_id: str) -> None:
        """Delete an archive, also one that cannot be used. Raises ``ArchiveNotFound``, ``FileError``."""
        info = None
        with contextlib.suppress(ArchiveNotFound, ArchiveRefused):
            info = await self.info(archive_id)
        if not await in_state_thread(lambda: self.backend.delete("archives", archive_id)):
            raise ArchiveNotFound(archive_id)
        if info is not None:
            self._count(info, -1)
            tell_archive("deleted", info.tenant or "", archive_id=archive_id, size_bytes=info.size_bytes)

    async def content(self, archive_id: str) -> ArchiveDownload:
        """Return the file of an archive, for one reader. Raises as ``StateBackend.open``."""
        reader = await self._open(archive_id)
        info = reader.info
        tell_archive("downloaded", info.tenant or "", archive_id=archive_id, size_bytes=info.size_bytes)
        return ArchiveDownload(reader)

    async def put(self, archive_id: str, content: AsyncIterator[bytes], *, tenant: str = "") -> ArchiveInfo:
        """Take an archive that another daemon may have made. Raises as ``take_archive``; ``QuotaReached`` as well."""
        with self._share(self._tenancies.accounts.of(tenant)) as may_have:
            info, is_new = await take_archive(self.backend, archive_id, content, tenant=tenant, may_have=may_have)
        if is_new:
            self._count(info, 1)
            tell_archive("uploaded", tenant, archive_id=archive_id, size_bytes=info.size_bytes)
        return info

    async def loading(self, archive: str, python: Python) -> Loading:
        """Return the archive of this id or name on its way into a context of ``python``; the caller closes it.

        Raises:
            ArchiveNotFound, FileError
            ArchiveRefused: It is corrupt, foreign, or of another Python.
        """
        reader = await self._open(await self.find(archive))
        try:
            check_python(reader.info, python)
        except BaseException:
            reader.close()
            raise
        return Loading(self.backend, reader)

    @contextlib.contextmanager
    def _share(self, account: Account) -> Iterator[Callable[[int], None]]:
        """Give the block what checks the size of one more archive against the tenant's quota, in any thread."""
        self._tenancies.quotas.check_archive(account)
        writing = self._writing.setdefault(account.tenant, Room(None))
        share = object()

        def may_have(size_bytes: int) -> None:
            writing.count(share, size_bytes)
            self._tenancies.quotas.check_archive(account, writing.used_bytes)

        try:
            yield may_have
        finally:
            writing.forget(share)


@contextlib.asynccontextmanager
async def kept_archives(
    settings: StateSettings, tenancies: "Tenancies", *, takes_over: bool = False
) -> AsyncIterator[KeptArchives]:
    """Give the block the archives in the directory of ``settings``. ``takes_over`` is as for ``OwnerLock``.

    Raises:
        SettingError: It cannot be used; says why.
    """
    path, limit_bytes = settings.state_dir, settings.archives_total_bytes
    backend = await in_state_thread(
        lambda: BACKENDS["directory"](path, total_limit_bytes=limit_bytes, takes_over=takes_over)
    )
    try:
        archives = KeptArchives(backend, tenancies)
        await archives.count()
        yield archives
    finally:
        await in_state_thread(backend.close)
