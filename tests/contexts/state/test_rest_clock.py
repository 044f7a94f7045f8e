"""The clock of a context that rests, on a clock that the test moves."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field

from interpreterd.contexts.state import rest_clock
from interpreterd.contexts.state.rest_clock import LOOK_SOON_S, RestClock
from interpreterd.machine.states import State


@define
class Played:
    """A context, and the time, as the clock sees them."""

    now: float = 1000.0
    due_s: float | None = 10.0
    acts: int = 0
    gate: asyncio.Event = field(factory=asyncio.Event)
    later: list[tuple[float, Callable[[], None]]] = field(factory=list)
    worker_state: State = State.IDLE
    has_work: bool = False
    transcript: Any = field(factory=lambda: SimpleNamespace(idle_at=1000.0))
    id: str = "c"

    def monotonic(self) -> float:
        return self.now

    def call_later(self, after_s: float, call: Callable[[], None]) -> Any:
        it = (self.now + after_s, call)
        self.later.append(it)
        return SimpleNamespace(cancel=lambda: self.later.remove(it))

    async def act(self) -> None:
        self.acts += 1
        await self.gate.wait()

    async def move(self, by_s: float) -> None:
        self.now += by_s
        for it in [it for it in self.later if it[0] <= self.now]:
            self.later.remove(it)
            it[1]()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setattr(rest_clock, "time", played)
    return played


def clock_of(played: Played, monkeypatch: pytest.MonkeyPatch) -> RestClock:
    tasks: Any = asyncio.get_running_loop()
    context: Any = played
    clock = RestClock(context, tasks, due_after_s=lambda: played.due_s, act=played.act)
    monkeypatch.setattr(clock, "_set", lambda wait_s: setattr(clock, "_timer", played.call_later(wait_s, clock._look)))
    return clock


async def test_it_acts_when_the_context_has_rested_long_enough(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_of(played, monkeypatch)
    clock.wait()
    clock.wait()
    assert len(played.later) == 1
    await played.move(6)
    played.transcript.idle_at = played.now  # an execution has ended
    await played.move(5)
    assert played.acts == 0
    await played.move(5)
    assert played.acts == 1
    played.gate.set()
    played.due_s = None
    await played.move(0)
    assert played.later == []


async def test_it_leaves_a_busy_context_alone(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_of(played, monkeypatch)
    clock.wait()
    played.worker_state = State.RUNNING
    await played.move(20)
    assert (played.acts, played.later) == (0, [])
    played.worker_state = State.OPERATING
    clock.wait()
    await played.move(0)
    assert (played.acts, len(played.later)) == (0, 1)
    played.worker_state = State.IDLE
    await played.move(LOOK_SOON_S)
    assert played.acts == 1


async def test_it_acts_once_at_a_time(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_of(played, monkeypatch)
    clock.wait()
    await played.move(10)
    clock.wait()
    await played.move(10)
    assert played.acts == 1
    played.gate.set()
    await played.move(0)
    assert len(played.later) == 1


async def test_a_closed_clock_acts_no_more(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_of(played, monkeypatch)
    clock.wait()
    clock.close()
    clock.wait()
    assert played.later == []
    other = clock_of(played, monkeypatch)
    other.wait()
    await played.move(10)
    acting = other._acting
    assert acting is not None
    other.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert acting.cancelled()
