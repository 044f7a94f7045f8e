"""The lateness of the event loop, measured for those who ask for it."""

import asyncio

import pytest
from soon import soon

from interpreterd.monitoring import loop_lag
from interpreterd.monitoring.loop_lag import LoopLag


async def until_measured(lag: LoopLag, number: int) -> None:
    await soon(lambda: sum(lag.histogram.counts) >= number)


async def test_it_measures_from_the_first_question_on_until_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "EVERY_S", 0.001)
    lag = LoopLag()
    await asyncio.sleep(0.01)
    assert sum(lag.histogram.counts) == 0
    assert lag.ask() is lag.histogram
    await until_measured(lag, 3)
    lag.close()


async def test_it_stops_when_nobody_has_asked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "EVERY_S", 0.001)
    monkeypatch.setattr(loop_lag, "UNREAD_S", 0.0)
    lag = LoopLag()
    lag.ask()
    await until_measured(lag, 1)
    assert lag._timer is None
    lag.ask()
    await until_measured(lag, 2)


async def test_it_may_be_closed_at_any_time() -> None:
    lag = LoopLag()
    lag.close()
    lag.ask()
    lag.close()
    lag.close()
    assert lag._timer is None
