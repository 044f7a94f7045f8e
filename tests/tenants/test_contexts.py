"""The contexts of one tenant: over a real manager, with fake workers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import open_manager

from interpreterd.contexts.local import LocalContexts
from interpreterd.model.errors import ContextNotFound, DefaultContextKept, ExecutionNotFound, Forbidden
from interpreterd.model.functions import Returned
from interpreterd.model.requests import ChangeContext, CreateContext, Execute
from interpreterd.model.rules import NO_RULES
from interpreterd.tenants.contexts import TenantContexts


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalContexts]:
    """Yield the contexts of all tenants."""
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        contexts = LocalContexts(manager)
        for name in ("", "acme", "globex"):
            contexts.add_tenant(name, NO_RULES)
        yield contexts


async def test_no_verb_reaches_what_is_another_tenants(local: LocalContexts) -> None:
    acme, globex = TenantContexts(local, "acme"), TenantContexts(local, "globex")
    theirs = (await globex.create(CreateContext())).id
    execution = (await globex.submit_unattended(Execute(code="1", context_id=theirs))).id
    for context_id in (theirs, "none", "default@globex", "default@acme"):
        request = Execute(code="1", context_id=context_id)
        for call in (
            acme.get(context_id),
            acme.change(context_id, ChangeContext()),
            acme.delete(context_id),
            acme.restart(context_id),
            acme.submit(request),
            acme.submit_unattended(request),
            acme.look(request),
            acme.interrupt(context_id),
            acme.interrupt(context_id, execution),
            acme.executions(context_id),
            acme.follow_context(context_id),
            acme.files(context_id),
            acme.contexts(after=context_id),
            acme.stats(context_id),
        ):
            with pytest.raises(ContextNotFound) as caught:
                await call
            assert str(caught.value) == f"context not found: {context_id}"
    for execution_id in (execution, "none"):
        for call in (
            acme.answer_call(execution_id, "c", Returned(value="1")),
            acme.calls(execution_id),
            acme.execution(execution_id),
            acme.follow_execution(execution_id),
        ):
            with pytest.raises(ExecutionNotFound) as missing:
                await call
            assert str(missing.value) == f"execution not found: {execution_id}"
        assert not await acme.answer(execution_id, "text")
        assert await acme.interrupt("default", execution_id) == "idle"
    assert list(await acme.contexts()) == []
    assert (await acme.stats()).contexts == []
    assert (await globex.execution(execution)).state in ("queued", "running")


async def test_each_tenant_has_a_default_context_which_all_call_default(local: LocalContexts) -> None:
    seen = {}
    for name in ("", "acme", "globex"):
        tenant = TenantContexts(local, name)
        with pytest.raises(ContextNotFound, match=r"^context not found: default$"):
            await tenant.get("default")
        assert await tenant.interrupt(None) == "idle"
        await tenant.files("default")
        submission = await tenant.submit(Execute(code="1"))
        assert submission.context_id == "default"
        assert (await tenant.execution(submission.execution_id)).context_id == "default"
        assert [it.context_id for it in await tenant.executions("default")] == ["default"]
        (info,) = await tenant.contexts()
        assert (info.id, info.tenant) == ("default", None)
        assert list(await tenant.contexts(default=False)) == []
        assert (submission.next, submission.at_end) == (0, False)
        submission.stop()
        with pytest.raises(DefaultContextKept):
            await tenant.delete("default")
        seen[name] = submission.execution_id
    assert len(set(seen.values())) == 3


async def test_who_sees_all_sees_whose_it_is_and_makes_contexts_of_its_own_tenant(local: LocalContexts) -> None:
    acme, everything = TenantContexts(local, "acme"), TenantContexts(local, "", sees_all=True)
    made = await acme.create(CreateContext())
    await acme.submit_unattended(Execute(code="1"))
    own = await everything.create(CreateContext())
    assert [(it.id, it.tenant) for it in await everything.contexts()] == [
        (made.id, "acme"),
        ("default@acme", "acme"),
        (own.id, ""),
    ]
    assert (await everything.get("default@acme")).tenant == "acme"
    with pytest.raises(ContextNotFound):
        await acme.get(own.id)


async def test_an_execution_of_a_deleted_context_stays_its_tenants(local: LocalContexts) -> None:
    acme, globex = TenantContexts(local, "acme"), TenantContexts(local, "globex")
    made = await acme.create(CreateContext())
    execution = (await acme.submit_unattended(Execute(code="1", context_id=made.id))).id
    await acme.delete(made.id)
    assert (await acme.execution(execution)).state in ("lost", "cancelled")
    with pytest.raises(ExecutionNotFound):
        await globex.execution(execution)


async def test_a_tenant_has_stats_of_its_own_contexts_and_no_metrics_of_all(local: LocalContexts) -> None:
    acme, everything = TenantContexts(local, "acme"), TenantContexts(local, "", sees_all=True)
    own = (await acme.create(CreateContext())).id
    await TenantContexts(local, "globex").create(CreateContext())
    await acme.submit_unattended(Execute(code="1"))
    stats = await acme.stats()
    assert [it.context_id for it in stats.contexts] == [own, "default"]
    assert stats.daemon is None
    assert [it.context_id for it in (await acme.stats("default")).contexts] == ["default"]
    with pytest.raises(Forbidden):
        await acme.readings()
    seen = await everything.stats()
    assert len(seen.contexts) == 3
    assert seen.daemon is not None
    assert sum((await everything.readings()).contexts.values()) == 3
    await TenantContexts(local, "").readings()
