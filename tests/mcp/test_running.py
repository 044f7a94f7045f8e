"""``mcp.running``: code is followed for as long as a call may take."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from harness import Gate
from tooling import Tools, structured, told

from interpreterd.client import ConnectionLost, ContextNotFound, Refused
from interpreterd.mcp import running
from interpreterd.mcp.answers import Unusable
from interpreterd.mcp.gathering import Shape
from interpreterd.mcp.kept import KeptShots
from interpreterd.mcp.running import CodeRunner, Waiting, explained


async def lines(tools: Tools) -> AsyncGenerator[str, None]:
    """Yield the lines that calls report."""
    while True:
        await asyncio.sleep(0)
        yield tools.reported[-1][1] if tools.reported else ""


async def test_progress_has_the_last_line_of_output(tools: Tools, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PROGRESS_S", 0.01)
    call = asyncio.create_task(tools.run(f"print('one')\nprint('two', end='', flush=True)\n{gate.wait}"))
    async with contextlib.aclosing(lines(tools)) as reported:
        async for line in reported:
            if line == "two":
                break
    gate.open()
    await call
    seconds = [it for it, _ in tools.reported]
    assert seconds == sorted(set(seconds))


async def test_what_a_call_has_shown_is_not_shown_again(tools: Tools, gate: Gate) -> None:
    begun = shown = await tools.run(f"print('one', flush=True)\n{gate.wait}\nprint('two')", wait=0)
    while not told(shown).startswith("one\n[still running"):
        shown = await tools("wait", execution=structured(begun)["execution"], seconds=0.1)
    gate.open()
    ended = await tools("wait", execution=structured(begun)["execution"])
    assert told(ended) == "two"
    again = await tools("wait", execution=structured(begun)["execution"])
    assert (told(again), structured(again)["nextEvent"]) == ("(no output)", structured(ended)["nextEvent"])


async def test_output_that_the_daemon_no_longer_has_is_told(tools: Tools) -> None:
    ran = structured(await tools.run("for i in range(300): print('x' * 10_000)"))
    answer = await tools("wait", execution=ran["execution"], from_=0)
    assert "earlier events are gone: the daemon keeps the latest ones]" in told(answer)


def test_a_failed_request_is_explained() -> None:
    gone = ContextNotFound("Context not found: x", "context_not_found", 404)
    assert str(explained(gone)) == "Context not found: x: it was deleted or has expired; `contexts` lists yours"
    forgotten = Refused("Execution not found: x", "execution_not_found", 404)
    assert str(explained(forgotten)).endswith("the daemon has forgotten it, or it never was")
    assert str(explained(ConnectionLost("it has ended"))) == "it has ended"


class Lost:
    """An execution of which no event comes. With ``error``, following it fails."""

    id = None

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.events: deque[Any] = deque()
        self.did: list[str] = []

    async def begin(self, code: str, context_id: str) -> "Lost":
        await asyncio.sleep(0)
        return self

    async def fill(self) -> bool:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()
        return False

    def leave(self) -> None:
        self.did.append("left")

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.did.append("closed")


@pytest.mark.parametrize(
    ("error", "raised"), [(None, Unusable), (ConnectionLost("it has ended"), ConnectionLost)], ids=["silent", "lost"]
)
async def test_nothing_stays_of_an_execution_that_cannot_be_followed(
    error: Exception | None, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "FIRST_EVENT_S", 0.0)
    execution: Any = Lost(error)
    runner = CodeRunner(Shape(), KeptShots(), has_gone=lambda: False)
    with pytest.raises(raised):
        await runner.run(execution, "pass", "c", Waiting(0, no_progress))
    assert execution.did == ["left", "closed"]


async def no_progress(seconds: float, line: str) -> None:
    await asyncio.sleep(0)
