"""``client.aio``: the features that only the asyncio client has."""

import asyncio

import pytest

from interpreterd.client import AsyncInterpreter


async def test_callbacks_may_be_coroutine_functions(url: str) -> None:
    seen: list[str] = []

    async def on_stdout(text: str) -> None:
        await asyncio.sleep(0)
        seen.append(text)

    async with AsyncInterpreter(url) as client:
        await client.execute("print(1)", on_stdout=on_stdout)
    assert seen == ["1\n"]


async def test_a_call_that_is_cancelled_interrupts_the_code(url: str) -> None:
    async with AsyncInterpreter(url) as client:
        started = asyncio.Event()
        code = "x = 1; print(x)\nwhile True: pass"
        running = asyncio.create_task(client.execute(code, timeout=0, on_stdout=lambda text: started.set()))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await client.execute("print(x)")).stdout == "1\n"
