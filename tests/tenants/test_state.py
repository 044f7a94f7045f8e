"""What the contexts of tenants keep: each tenant reaches its own; the walk over all routes shows more."""

import inspect
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from interpreterd.contexts.state.local import LocalState
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ContextNotFound, Forbidden
from interpreterd.model.forks import ForkContext, ForkInfo
from interpreterd.model.state_errors import ArchiveNotFound
from interpreterd.model.state_port import StateService
from interpreterd.tenants.names import OwnNames
from interpreterd.tenants.owned import OwnedState
from interpreterd.tenants.state import ReadOnlyState, TenantState

OWNERS = {"a": "acme", "default@acme": "acme", "g": "globex"}
LOOKING = {"checkpoints", "archives", "archive_info"}
CHANGING = {
    "fork",
    "checkpoint",
    "delete_checkpoint",
    "restore",
    "undo",
    "archive",
    "hibernate",
    "delete_archive",
    "archive_content",
    "put_archive",
}


class Inner:
    """Has an archive of each tenant, and forks anything."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.put: dict[str, str] = {}
        self.all = [archive("k", "acme", "default@acme"), archive("m", "globex", "g")]

    def __getattr__(self, verb: str) -> Any:
        async def reached(*args: object) -> None:
            raise AssertionError(f"{verb} of {args}")

        return reached

    async def owner_of_archive(self, archive_id: str) -> str | None:
        return next((it.tenant for it in self.all if it.id == archive_id), None)

    async def archives(self, *, after: str | None = None, tenant: str | None = None) -> Iterable[ArchiveInfo]:
        return [it for it in self.all if tenant in (None, it.tenant)]

    async def archive_info(self, archive: str, *, tenant: str | None = None) -> ArchiveInfo:
        for it in self.all:
            if it.id == archive and tenant in (None, it.tenant):
                return it
        raise ArchiveNotFound(archive)

    async def delete_archive(self, archive_id: str) -> None:
        self.deleted.append(archive_id)

    async def archive_content(self, archive_id: str) -> str:
        return archive_id

    async def put_archive(self, archive_id: str, content: AsyncIterator[bytes], *, tenant: str = "") -> ArchiveInfo:
        self.put[archive_id] = tenant
        return archive(archive_id, tenant, "elsewhere")

    async def fork(self, context_id: str, request: ForkContext) -> ForkInfo:
        copy = ContextInfo(
            id="f", cwd="/", created_at=0, last_used_at=0, state="idle", tenant="acme", forked_from=context_id
        )
        return ForkInfo(contexts=(copy,))


def archive(archive_id: str, tenant: str, context_id: str) -> ArchiveInfo:
    return ArchiveInfo(id=archive_id, created_at=0, size_bytes=1, tenant=tenant, context_id=context_id)


def state_of(tenant: str, inner: Inner, *, sees_all: bool = False) -> TenantState:
    return TenantState(inner, OwnNames(OWNERS.get, tenant, sees_all=sees_all))  # type: ignore[arg-type]


def verbs(protocol: type) -> dict[str, Any]:
    return {name: it for name, it in vars(protocol).items() if inspect.isfunction(it) and not name.startswith("_")}


def arguments(verb: Any) -> list[str]:
    required = [it for it in inspect.signature(verb).parameters.values() if it.default is it.empty]
    return ["x" for it in required if it.kind is it.POSITIONAL_OR_KEYWORD and it.name != "self"]


async def test_an_archive_of_another_tenant_does_not_exist() -> None:
    inner = Inner()
    acme = state_of("acme", inner)
    for archive_id in ("m", "none"):
        for call in (
            acme.archive_info(archive_id),
            acme.delete_archive(archive_id),
            acme.archive_content(archive_id),
            acme.archives(after=archive_id),
        ):
            with pytest.raises(ArchiveNotFound, match=f"archive not found: {archive_id}"):
                await call
    assert inner.deleted == []
    await acme.delete_archive("k")
    await state_of("", inner, sees_all=True).delete_archive("m")
    assert inner.deleted == ["k", "m"]


async def test_a_tenant_lists_its_own_archives_and_who_sees_all_is_told_whose_they_are() -> None:
    inner = Inner()
    own = [(it.id, it.tenant, it.context_id) for it in await state_of("acme", inner).archives()]
    assert own == [("k", None, "default")]
    seen = [(it.id, it.tenant, it.context_id) for it in await state_of("", inner, sees_all=True).archives()]
    assert seen == [("k", "acme", "default@acme"), ("m", "globex", "g")]


async def test_what_a_tenant_brings_is_its_own() -> None:
    inner = Inner()
    await state_of("acme", inner).put_archive("n", None)  # type: ignore[arg-type]
    assert inner.put == {"n": "acme"}


@pytest.mark.parametrize("verb", ["fork", "checkpoint", "checkpoints", "restore", "undo", "archive", "hibernate"])
async def test_no_verb_reaches_a_context_of_another_tenant(verb: str) -> None:
    call = getattr(state_of("acme", Inner()), verb)
    for context_id in ("g", "none", "default@acme"):
        with pytest.raises(ContextNotFound, match=f"context not found: {context_id}"):
            await call(context_id, *arguments(call)[1:])


async def test_a_fork_of_the_default_context_says_so_in_the_tenants_words() -> None:
    (copy,) = (await state_of("acme", Inner()).fork("default", ForkContext())).contexts
    assert (copy.forked_from, copy.tenant) == ("default", None)


async def test_a_reader_may_list_and_has_neither_data_nor_changes() -> None:
    assert verbs(StateService).keys() == LOOKING | CHANGING
    reader = ReadOnlyState(state_of("acme", Inner()))
    assert [it.id for it in await reader.archives()] == ["k"]
    assert (await reader.archive_info("k")).id == "k"
    for name in CHANGING:
        call = getattr(reader, name)
        with pytest.raises(Forbidden, match="role is read"):
            await call(*arguments(call))


@pytest.mark.parametrize("kind", [TenantState, ReadOnlyState])
def test_each_service_has_every_verb_with_its_parameters(kind: type) -> None:
    for name, verb in verbs(StateService).items():
        own = inspect.signature(getattr(kind, name)).parameters.keys()
        assert own == inspect.signature(verb).parameters.keys(), name


def test_the_state_of_this_process_has_what_tenants_need() -> None:
    for name, verb in verbs(OwnedState).items():
        own = inspect.signature(getattr(LocalState, name)).parameters.keys()
        assert own == inspect.signature(verb).parameters.keys(), name
