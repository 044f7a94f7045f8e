"""The place of a context that hibernates is made when it is needed, once, and never after its end."""

import asyncio

import pytest
from attrs import define, field
from fake_worker import FakeLauncher

from interpreterd.contexts.state.places import LatePlace
from interpreterd.model.errors import InvalidRequest, WorkerStartFailed
from interpreterd.model.isolation import Isolation, IsolationUnavailable
from interpreterd.workers.isolation.isolator import Unisolated
from interpreterd.workers.isolation.jails import Place

STRICT = Isolation(profile="strict")


@define
class Isolating(Unisolated):
    """An isolator whose ``prepare`` waits for ``gate``, and raises ``failure``."""

    gate: asyncio.Event = field(factory=asyncio.Event)
    failure: Exception | None = None
    made: list[str] = field(factory=list)

    async def prepare(self, isolation: Isolation) -> None:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    def isolate(self, isolation: Isolation, cwd: str) -> Place:
        self.made.append(cwd)
        return Place(FakeLauncher())


def late(isolator: Isolating, settled: list[Place], failure: Exception | None = None) -> LatePlace:
    def isolation() -> Isolation:
        if failure is not None:
            raise failure
        return STRICT

    return LatePlace(FakeLauncher(), STRICT, isolation=isolation, isolator=isolator, cwd="/data", settle=settled.append)


async def test_the_real_place_is_made_once() -> None:
    isolator, settled = Isolating(), list[Place]()
    place = late(isolator, settled)
    assert place.info.isolation == STRICT
    assert (place.user, place.directories, isolator.made) == (None, (), [])
    entering = [asyncio.ensure_future(place.enter()) for _ in range(3)]
    isolator.gate.set()
    await asyncio.gather(*entering)
    assert isolator.made == ["/data"]
    assert len(settled) == 1


@pytest.mark.parametrize(
    "failure", [IsolationUnavailable("the machine has no Landlock"), InvalidRequest("isolation.profile must be strict")]
)
async def test_what_is_in_the_way_is_the_reason_why_no_worker_starts(failure: Exception) -> None:
    isolator, settled = Isolating(failure=failure), list[Place]()
    isolator.gate.set()
    with pytest.raises(WorkerStartFailed, match=str(failure)):
        await late(isolator, settled).enter()
    with pytest.raises(WorkerStartFailed, match=str(failure)):
        await late(Isolating(), settled, failure).enter()
    assert settled == []


async def test_a_context_that_ends_meanwhile_gets_no_place() -> None:
    isolator, settled = Isolating(), list[Place]()
    place = late(isolator, settled)
    entering = asyncio.ensure_future(place.enter())
    await asyncio.sleep(0)
    await place.close()
    isolator.gate.set()
    with pytest.raises(WorkerStartFailed, match="the context ends"):
        await entering
    assert isolator.made == []
