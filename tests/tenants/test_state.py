"""What the contexts of tenants keep; the walk over all routes shows more."""

import asyncio

import pytest

from interpreterd.model.errors import ContextNotFound, Forbidden
from interpreterd.model.forks import ForkContext
from interpreterd.model.state_errors import ArchiveNotFound
from interpreterd.tenants.state import ReadOnlyState, TenantState


class Inner:
    """Has one archive, which belongs to ``acme``."""

    def owner_of_archive(self, archive_id: str) -> str | None:
        return "acme" if archive_id == "a" else None

    async def delete_archive(self, archive_id: str) -> None: ...

    async def fork(self, context_id: str, request: ForkContext) -> None: ...


def inside(context_id: str) -> str:
    raise ContextNotFound(context_id)


def state_of(tenant: str, *, sees_all: bool = False) -> TenantState:
    return TenantState(Inner(), tenant, sees_all=sees_all, inside=inside, shown=lambda it: it)  # type: ignore[arg-type]


def test_an_archive_of_another_tenant_does_not_exist() -> None:
    asyncio.run(state_of("acme").delete_archive("a"))
    asyncio.run(state_of("other", sees_all=True).delete_archive("a"))
    for tenant, archive in (("other", "a"), ("acme", "b")):
        with pytest.raises(ArchiveNotFound, match=archive):
            asyncio.run(state_of(tenant).delete_archive(archive))


def test_a_context_of_another_tenant_cannot_be_forked() -> None:
    with pytest.raises(ContextNotFound):
        asyncio.run(state_of("acme").fork("c", ForkContext()))


def test_a_reader_changes_nothing() -> None:
    for verb in ("fork", "restore", "delete_checkpoint"):
        with pytest.raises(Forbidden):
            asyncio.run(getattr(ReadOnlyState(state_of("acme")), verb)("c", "x"))
