"""``client.state_requests``: they have no limit of time, and cannot wait for themselves."""

import asyncio
from typing import Any

import pytest
from clients import Face
from harness import Gate

from interpreterd.client import link


async def test_a_fork_waits_for_the_code_that_runs(py: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes: other requests end after a time."""
    context = await py.create_context()
    loop, started = asyncio.get_running_loop(), asyncio.Event()
    code = f"x = 1\nprint('on', flush=True)\n{gate.wait}\nx = 2"
    running = asyncio.create_task(context.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))
    await started.wait()
    monkeypatch.setattr(link, "REQUEST_TIMEOUT_S", 0.001)
    forking = asyncio.create_task(context.fork())
    gate.open()
    await running
    fork = await forking
    assert (await fork.execute("print(x)")).stdout == "2\n"


async def test_a_host_function_cannot_fork_the_context_that_waits_for_it(face: Face, url: str) -> None:
    async with face(url) as py:
        context = await py.create_context()
        raw = getattr(context, "it", context)

        async def fork_it() -> None:
            await raw.fork()

        def fork_it_too() -> None:
            raw.fork()

        function = fork_it_too if face.name == "sync" else fork_it
        failed = await context.execute("f()" if face.name == "sync" else "await f()", functions={"f": function})
        assert "a host function cannot use the context whose code is calling it" in failed.error.value
