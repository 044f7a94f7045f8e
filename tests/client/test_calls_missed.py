"""Calls of host functions whose events have fallen into a gap."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from interpreterd.client import AsyncInterpreter, ConnectionLost
from interpreterd.client.calls import HostCalls
from interpreterd.model.displays import Json
from interpreterd.model.functions import CallOutcome, FunctionCall, FunctionEnd

TALKS_WHILE_IT_CALLS = """
import threading, time
thread = threading.Thread(target=lambda: answers.append(double(21)))
answers = []
thread.start()
while thread.is_alive():
    print("x" * 999, flush=True)
    time.sleep(0.01)
print(answers)
"""


def call(number: int) -> FunctionCall:
    return FunctionCall(call_id=str(number), name="wait", args=Json(f"[{number}]"), kwargs=Json("{}"))


async def test_a_call_whose_event_is_dropped_is_answered_once(standing: Callable[..., Any]) -> None:
    ran: list[int] = []

    def double(number: int) -> int:
        ran.append(number)
        return 2 * number

    async with AsyncInterpreter(standing("--journal-bytes", "4K").url) as py:
        execution = await py._core.start(TALKS_WHILE_IT_CALLS, None, {"functions": [double], "timeout": 30})
        assert execution.id is not None
        while not await execution.open_calls():
            pass  # each turn asks the daemon
        told = (await py.get_execution(execution.id))["events"]
        while (await py.get_execution(execution.id))["firstEvent"] < told:
            pass
        said = ""
        while await execution.fill():
            while execution.events:
                said += getattr(execution.events.popleft(), "text", "")
        await execution.close()
    assert said.endswith("[42]\n")
    assert ran == [21]


async def test_a_listing_begins_what_is_new_and_ends_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpreterd.client.calls.FIRST_PAUSE_S", 0)
    begun: list[int] = []
    cancelled: list[int] = []
    gate, asked = asyncio.Event(), asyncio.Event()
    troubles = [ConnectionLost("gone")]

    async def wait(number: int) -> None:
        begun.append(number)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    async def ask() -> list[FunctionCall]:
        if troubles:
            raise troubles.pop()
        asked.set()
        await gate.wait()
        return [call(1), call(2), call(3)]

    async def send(call_id: str, answer: bytes) -> None:
        raise AssertionError(answer)

    calls = HostCalls({"wait": wait}, "http://nowhere", "default", send)
    for number in (0, 1):
        calls.begin(call(number))
    calls.find_missed(ask)
    await asked.wait()
    calls.begin(call(2))
    calls.end(FunctionEnd(call_id="3", outcome=CallOutcome.CANCELLED))  # after the daemon has made the listing
    gate.set()
    listing = calls._listing
    assert listing is not None
    await listing
    await asyncio.gather(calls._running["0"], return_exceptions=True)
    assert (begun, cancelled) == ([0, 1, 2], [0])
    await calls.close()
    assert sorted(cancelled) == [0, 1, 2]
