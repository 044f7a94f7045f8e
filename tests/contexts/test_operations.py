"""Operations of a context over a fake worker."""

import asyncio

import pytest
from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, open_context, read, run

from interpreterd.contexts.context import Context
from interpreterd.model import events
from interpreterd.model.errors import ContextDeleted
from interpreterd.model.state_errors import OperationFailed, OutOfStep
from interpreterd.pipe.messages import Synced
from interpreterd.workers.borrowing import borrowed
from interpreterd.workers.worker import Worker


async def pid_of(worker: Worker) -> int:
    return worker.pid


async def test_an_operation_gets_the_worker_and_its_caller_the_answer() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert await context.operate(pid_of) == context.pid
        assert context.info().state == "idle"


async def test_executions_wait_for_an_operation_and_it_for_them() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, first = await run(context, launcher)
        order = []

        async def note(worker: Worker) -> None:
            order.append("operation")

        operating = asyncio.ensure_future(context.operate(note))
        await asyncio.sleep(0)
        second = context.submit(execute())
        worker.done(message)
        assert await read(first) == [COMPLETED]
        message = await worker.run()
        order.append("execution")
        await operating
        assert order == ["operation", "execution"]
        worker.done(message)
        assert (await read(second))[-1] == COMPLETED


async def test_an_error_of_an_operation_reaches_its_caller_and_the_context_goes_on() -> None:
    launcher = FakeLauncher()

    async def fail(worker: Worker) -> None:
        raise OperationFailed("why")

    async with open_context(launcher) as context:
        with pytest.raises(OperationFailed, match="why"):
            await context.operate(fail)
        worker, message, journal = await run(context, launcher)
        worker.done(message)
        assert await read(journal) == [COMPLETED]


async def test_a_worker_out_of_step_is_killed() -> None:
    launcher = FakeLauncher()

    async def fail(worker: Worker) -> None:
        raise OutOfStep("it said nonsense")

    async with open_context(launcher) as context:
        with pytest.raises(OutOfStep):
            await context.operate(fail)
        worker = await launcher.worker()
        assert worker.exited is not None or worker.killed.is_set()
        execution = context.submit(execute())
        second = await launcher.worker()
        second.done(await second.run())
        assert await read(execution) == [events.Restarted(), COMPLETED]


async def test_a_death_ends_the_operation() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        begun = asyncio.Event()

        async def wait(worker: Worker) -> None:
            begun.set()
            with borrowed(worker) as borrower:
                await borrower.reply(Synced, 1000)

        operating = asyncio.ensure_future(context.operate(wait))
        await begun.wait()
        (await launcher.worker()).exit("killed by SIGKILL")
        with pytest.raises(OperationFailed, match="has ended: killed by SIGKILL"):
            await operating


async def begun_and_waiting(context: Context) -> tuple[asyncio.Event, asyncio.Future[int], list[int]]:
    """Return an event that ends an operation, its caller, and what is unwanted of it."""
    begun, goes_on = asyncio.Event(), asyncio.Event()
    unwanted: list[int] = []

    async def wait(worker: Worker) -> int:
        begun.set()
        await goes_on.wait()
        return 7

    operating = asyncio.ensure_future(context.operate(wait, unwanted.append))
    await begun.wait()
    return goes_on, operating, unwanted


async def test_an_operation_goes_on_without_its_caller_and_its_answer_is_unwanted() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        goes_on, operating, unwanted = await begun_and_waiting(context)
        operating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await operating
        assert context.info().state == "busy"
        goes_on.set()
        assert await context.operate(pid_of) == context.pid
        assert unwanted == [7]


async def test_an_operation_that_waits_is_forgotten_with_its_caller() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        goes_on, first, _ = await begun_and_waiting(context)
        second = asyncio.ensure_future(context.operate(pid_of))
        await asyncio.sleep(0)
        assert context.info().queued == 1
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert context.info().queued == 0
        goes_on.set()
        assert await first == 7


async def test_the_end_of_the_context_ends_its_operations() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        _, first, _ = await begun_and_waiting(context)
        second = asyncio.ensure_future(context.operate(pid_of))
        await asyncio.sleep(0)
        await context.close(ContextDeleted("c"))
        for operating in (first, second, asyncio.ensure_future(context.operate(pid_of))):
            with pytest.raises(ContextDeleted):
                await operating
