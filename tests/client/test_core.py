"""``client.core``: each request, with both clients."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from clients import Face


async def test_state_stays_and_contexts_have_their_own(py: Any, tmp_path: Path) -> None:
    context = await py.create_context(cwd=tmp_path)
    await py.execute("x = 1")
    await context.execute("x = 2; import os; where = os.getcwd()")
    assert (await py.execute("print(x)")).stdout == "1\n"
    execution = await py.execute("print(x, where)", context.id)
    assert (execution.stdout, execution.context_id) == (f"2 {tmp_path}\n", context.id)


async def test_many_at_the_same_time(py: Any) -> None:
    """Threads or tasks share a client; each uses its own context."""

    async def run(number: int) -> str:
        async with await py.create_context() as context:
            await context.execute(f"x = {number}")
            return str((await context.execute("print(x)")).stdout)

    assert await asyncio.gather(*map(run, range(8))) == [f"{number}\n" for number in range(8)]


async def test_contexts_with_what_they_use(py: Any) -> None:
    dead = await py.create_context()
    await py.execute("pass")
    await dead.execute("exit()")
    shown = {listed.id: listed["usage"] for listed in await py.list_contexts(usage=True)}
    assert shown.keys() == {dead.id, "default"}
    assert (shown[dead.id], shown["default"]["processes"]) == (None, 1)
    with pytest.raises(KeyError):
        (await py.list_contexts())[0]["usage"]


async def test_contexts_by_their_metadata(py: Any) -> None:
    context = await py.create_context(metadata={"user": "ada & co", "job": "1=1"})
    await py.create_context(metadata={"user": "bob"})
    listed = await py.list_contexts(labels={"user": "ada & co", "job": "1=1"})
    assert [found.id for found in listed] == [context.id]


async def test_interrupt_and_restart(py: Any) -> None:
    await py.execute("x = 1")
    assert await py.interrupt() is False
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run() -> asyncio.Task[Any]:
        started.clear()
        code = "print(x)\nwhile True: pass"
        return asyncio.create_task(py.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))

    running = run()
    await started.wait()
    assert await py.interrupt() is True
    assert (await running).error.name == "KeyboardInterrupt"
    running = run()
    await started.wait()
    context = await py.restart(cancel_queued=True)
    assert (await running).outcome == "lost"
    assert context.active
    assert (await py.execute("x")).error.name == "NameError"
    context = await py.create_context()
    assert await context.interrupt() is False
    assert (await context.restart())["cancelled"] == []


async def test_a_client_that_is_closed(face: Face, url: str) -> None:
    py = face(url)
    await py.execute("x = 1")
    await py.close()
    await py.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        await py.execute("x = 2")
    async with face(url) as other:
        assert (await other.execute("print(x)")).stdout == "1\n"
