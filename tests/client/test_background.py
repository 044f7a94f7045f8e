"""Executions in the background, whose host functions a program runs meanwhile, and to which another one comes back."""

import asyncio
import threading

import pytest

from interpreterd.client import AsyncInterpreter, Interpreter, Refused


async def double(number: int) -> int:
    return 2 * number


async def test_an_execution_in_the_background_calls_and_ends() -> None:
    async with AsyncInterpreter.local() as py:
        running = await py.start("print('early')\nprint(await double(21))", functions=[double])
        execution = await running.result()
        assert (execution.stdout, execution.id, execution.outcome) == ("early\n42\n", running.id, "completed")
        assert (await running.result()) is execution


async def test_another_program_comes_back_and_answers(url: str) -> None:
    asked = asyncio.Event()

    async def hang(number: int) -> int:
        asked.set()
        return await asyncio.Event().wait() or number

    async with AsyncInterpreter(url) as py, AsyncInterpreter(url) as other:
        context = await py.create_context()
        code = "print(await double(1))\nprint(await double(2))\nprint(await double(3))"
        running = await context.start(code, functions={"double": hang})
        await asked.wait()
        await running.leave()
        with pytest.raises(asyncio.CancelledError):
            await running.result()
        back = await other.resume(running.id, {"double": double})
        execution = await back.result()
        assert (execution.stdout, execution.context_id) == ("2\n4\n6\n", context.id)
        ended = await other.resume(running.id, {"double": hang})
        assert (await ended.result()).stdout == "2\n4\n6\n"
        await context.delete()
        with pytest.raises(Refused):
            await other.resume("nobody")


def test_for_programs_without_a_loop(url: str) -> None:
    gate = threading.Event()

    def wait(number: int) -> int:
        gate.wait()
        return number

    with Interpreter(url) as py, py.create_context() as context:
        running = context.start("print(wait(5))", functions=[wait])
        with pytest.raises(TimeoutError):
            running.result(timeout=0.01)
        gate.set()
        assert running.result().stdout == "5\n"
        endless = context.start("while True: pass")
        endless.interrupt()
        assert endless.result().outcome in ("interrupted", "cancelled")
        left = context.start("print(1)")
        left.leave()
        assert py.resume(left.id).result().stdout == "1\n"
