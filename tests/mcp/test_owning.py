"""``mcp.owning``: contexts belong to clients, and end when these have gone."""

import asyncio

from tooling import STRANGER, WITH_HOME

from interpreterd.client import AsyncContext, AsyncInterpreter
from interpreterd.mcp.callers import Caller
from interpreterd.mcp.owning import ALIVE_LABEL, Contexts


async def test_a_client_that_comes_back_has_its_own_context_again(url: str) -> None:
    async with AsyncInterpreter(url) as py:
        first = await Contexts().own(py, WITH_HOME)
        assert await Contexts().own(py, WITH_HOME) == first
        other = Caller(WITH_HOME.key, WITH_HOME.name, "another home")
        assert await Contexts().own(py, other) != first
        together = Contexts()
        ids = await asyncio.gather(*(together.own(py, STRANGER) for _ in range(5)))
        assert len(set(ids)) == 1


async def made(py: AsyncInterpreter) -> list[AsyncContext]:
    """Return all contexts but the default one, which another test may have used."""
    return [it for it in await py.list_contexts() if it.id != "default"]


async def test_a_context_can_be_shared_with_people(url: str) -> None:
    async with AsyncInterpreter(url) as py:
        shared = (await py.create_context()).id
        contexts = Contexts(shared=shared)
        assert [await contexts.own(py, it) for it in (WITH_HOME, STRANGER)] == [shared, shared]
        assert [it.id for it in await contexts.listed(py, STRANGER)] == [shared]
        assert contexts.is_own(STRANGER, shared)


async def test_unused_contexts_of_clients_that_have_gone_end_and_no_others(url: str) -> None:
    async with AsyncInterpreter(url) as py:
        contexts = Contexts(idle_s=0)
        here, gone, busy = await contexts.own(py, WITH_HOME), await contexts.own(py, STRANGER), None
        busy = (await contexts.make(py, STRANGER)).id
        native = (await py.create_context()).id
        running = await py.begin("print(1, flush=True)\nwhile True: pass", busy)
        await running.fill()
        await contexts.sweep(py, [WITH_HOME.key])
        listed = await made(py)
        assert {it.id for it in listed} == {here, busy, native}
        assert gone not in {it.id for it in listed}
        assert ALIVE_LABEL in next(it for it in listed if it.id == here)["metadata"]
        await running.close()
        patient = Contexts(idle_s=1000)
        await patient.sweep(py, [])
        assert {it.id for it in await made(py)} == {here, busy, native}


async def test_a_label_that_another_client_has_changed_ends_nothing(url: str) -> None:
    async with AsyncInterpreter(url) as py:
        contexts = Contexts(idle_s=0)
        its = await contexts.make(py, STRANGER)
        await py.label_context(its.id, {ALIVE_LABEL: "nonsense"})
        await contexts.sweep(py, [])
        assert [it.id for it in await made(py)] == [its.id]
