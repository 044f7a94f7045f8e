"""The port, as tenants need it: contexts that know whose they are."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from interpreterd.contexts.service import ContextService, StateService, Submission
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.requests import Execute
from interpreterd.model.rules import Rules
from interpreterd.model.stats import AllStats


class OwnedState(StateService, Protocol):
    """What the contexts of all tenants keep."""

    async def owner_of_archive(self, archive_id: str) -> str | None:
        """Return the tenant of an archive; None if there is no such archive."""
        ...

    async def archives(self, *, after: str | None = None, tenant: str | None = None) -> Iterable[ArchiveInfo]:
        """See ``StateService``; only those of ``tenant``, unless that is None."""
        ...

    async def archive_info(self, archive: str, *, tenant: str | None = None) -> ArchiveInfo:
        """See ``StateService``; only one of ``tenant``, unless that is None."""
        ...

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes], *, tenant: str = "") -> ArchiveInfo:
        """See ``StateService``; it belongs to ``tenant``."""
        ...


class OwnedContexts(ContextService, Protocol):
    """The contexts of all tenants."""

    @property
    def state(self) -> OwnedState:
        """See ``ContextService``."""
        ...

    def owner(self, context_id: str) -> str | None:
        """Return the tenant of a context; None if there is no such context."""
        ...

    def owner_of_execution(self, execution_id: str) -> str | None:
        """Return the tenant of an execution, also of a deleted context; None if there is no such execution."""
        ...

    def add_tenant(self, tenant: str, rules: Rules) -> None:
        """Let ``tenant`` have contexts, among them a default one, within ``rules``; repeating it changes these."""
        ...

    async def directory(self, *, tenant: str | None = None) -> str:
        """See ``ContextService``; of ``tenant``."""
        ...

    async def submit(self, request: Execute, *, answers: bool = False, context_id: str | None = None) -> Submission:
        """See ``ContextService``; ``context_id`` is used in place of the request's."""
        ...

    async def submit_unattended(self, request: Execute, *, context_id: str | None = None) -> ExecutionInfo:
        """See ``submit``."""
        ...

    async def look(self, request: Execute, *, context_id: str | None = None) -> Submission:
        """See ``submit``."""
        ...

    async def stats(self, context_id: str | None = None, *, tenant: str | None = None) -> AllStats:
        """See ``ContextService``; all contexts are only those of ``tenant``, unless that is None."""
        ...

    async def contexts(
        self,
        *,
        default: bool = True,
        labels: Iterable[tuple[str, str]] = (),
        after: str | None = None,
        usage: bool = False,
        tenant: str | None = None,
    ) -> Iterable[ContextInfo]:
        """See ``ContextService``; only those of ``tenant``, unless that is None."""
        ...
