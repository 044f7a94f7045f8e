"""Contexts that end by themselves, over fake workers, on a clock that tests move."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher
from managers import open_manager

from interpreterd.contexts import expiry, transcript
from interpreterd.contexts.executions import Executions
from interpreterd.contexts.expiry import Expiry
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.transcript import Transcript
from interpreterd.model.errors import ContextNotFound, InvalidLimit
from interpreterd.model.events import Happened
from interpreterd.model.expiry import ContextExpired, Expired
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext, Execute


class Clock:
    """Stands for the time and for the loop: it calls what is due when the test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.later: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def call_later(self, after_s: float, call: Callable[[], None]) -> "Clock":
        self.later.append((self.now + after_s, call))
        return self

    def cancel(self) -> None:
        self.later.clear()

    def move(self, by_s: float) -> None:
        self.now += by_s
        due = [it for it in self.later if it[0] <= self.now]
        self.later = [it for it in self.later if it not in due]
        for _, call in due:
            call()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (expiry, transcript):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(expiry.asyncio, "get_running_loop", lambda: clock)
    return clock


def made(**limits: float) -> tuple[Expiry, Transcript, list[str]]:
    told: list[str] = []
    it = Transcript(
        "c", Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20), backlog_bytes=1, output_limit_bytes=None
    )
    return Expiry(Limits(**limits), it, told.append), it, told


async def test_an_idle_context_ends_when_it_was_idle_for_the_whole_time(clock: Clock) -> None:
    it, used, told = made(idle_s=10)
    assert it.at() == clock.now + 10
    clock.move(9)
    follower = used.feed.follow()
    assert it.at() is None
    clock.move(8)
    follower.stop()
    assert it.at() == clock.now + 10
    clock.move(9.5)
    assert told == []
    clock.move(0.5)
    assert told == ["it was idle for 10 s"]


async def test_a_context_in_use_does_not_end_until_its_life_is_over(clock: Clock) -> None:
    it, used, told = made(idle_s=10, lifetime_s=25)
    execution = used.new(Execute(code="1"), on_room=None)
    assert it.at() == clock.now + 25
    for _ in range(2):
        clock.move(10)
    assert told == []
    assert execution.id
    clock.move(5)
    assert told == ["its lifetime of 25 s is over"]
    assert clock.later == []


async def test_a_clock_that_is_closed_ends_nothing(clock: Clock) -> None:
    it, _, told = made(lifetime_s=5)
    it.close()
    clock.move(10)
    assert told == []


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    async with open_manager(FakeLauncher(), tmp_path, max_lifetime=1000.0) as manager:
        yield manager


async def test_followers_and_executions_of_an_expired_context_are_told(manager: Manager) -> None:
    info = await manager.create(CreateContext(limits=Limits(lifetime_s=500)))
    assert info.expires_at is not None
    context = manager.existing(info.id)
    _, execution = manager.submit(Execute(code="1", context_id=info.id), client=False)
    follower = context.transcript.feed.follow()
    manager._expire(context, "its life is over")
    seen: list[Any] = [event async for _, event in follower]
    assert Happened(execution_id=None, event=Expired(why="its life is over")) in seen
    ended = [event async for _, event in execution.journal.follow()][-1]
    assert isinstance(ended.cause, ContextExpired)  # type: ignore[union-attr]
    with pytest.raises(ContextNotFound):
        manager.existing(info.id)
    assert manager.tenancies.accounts.sum_of("contexts") == 0


async def test_an_expired_default_context_is_made_again(manager: Manager) -> None:
    context, _ = manager.submit(Execute(code="1"), client=False)
    assert context.expiry is not None
    manager._expire(context, "it was idle")
    other, _ = manager.submit(Execute(code="1"), client=False)
    assert other is not context
    manager._expire(context, "again")
    assert manager.find("default") is other
    await asyncio.sleep(0)


async def test_a_context_may_only_end_earlier(manager: Manager) -> None:
    with pytest.raises(InvalidLimit, match="at most 1000"):
        await manager.create(CreateContext(limits=Limits(lifetime_s=1001)))
