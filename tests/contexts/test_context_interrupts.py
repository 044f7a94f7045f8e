"""A client or a timeout interrupts executions of a context."""

from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, finished, open_context, read, run

from interpreterd.model import events
from interpreterd.model.errors import (
    ExecutionInterrupted,
    ExecutionTimedOut,
)


async def test_interrupt() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert context.interrupt() == "idle"
        worker, message, execution = await run(context, launcher)
        waiting = context.submit(execute())
        assert context.interrupt() == "interrupting"
        assert context.interrupt() == "interrupting"
        assert worker.calls.count("interrupt") == 1
        worker.done(message, events.Failure(name="KeyboardInterrupt", value=""))
        end = await finished(execution)
        assert end.outcome is events.Outcome.INTERRUPTED
        assert isinstance(end.cause, ExecutionInterrupted)
        await worker.settle()
        worker.done(await worker.run())
        assert await finished(waiting) == COMPLETED
        assert context.interrupt() == "idle"


async def test_timeout_then_kill_then_restart() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, grace_s=0) as context:
        execution = context.submit(execute(timeout_s=0))
        waiting = context.submit(execute())
        worker = await launcher.worker()
        end = await finished(execution)
        assert worker.calls.index("interrupt") < worker.calls.index("kill")
        assert isinstance(end.cause, ExecutionTimedOut)
        assert end.error is not None
        assert end.error.value.endswith("its worker was killed by SIGKILL, and its variables are lost")
        second = await launcher.worker()
        second.done(await second.run())
        assert await read(waiting) == [events.Restarted(), COMPLETED]


async def test_a_timeout_that_is_obeyed_keeps_the_worker() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        execution = context.submit(execute(timeout_s=0))
        worker = await launcher.worker()
        message = await worker.run()
        await worker.interrupted.wait()
        worker.done(message, events.Failure(name="KeyboardInterrupt", value="", traceback="Traceback …"))
        end = await finished(execution)
        assert end.error == events.Failure(
            name="TimeoutError", value="execution timed out after 0 s", traceback="Traceback …"
        )
        await worker.settle()
        assert context.info().active
        assert len(launcher.workers) == 1


async def test_an_interrupted_execution_that_waits_leaves_the_queue_and_is_told() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, running = await run(context, launcher)
        first, second = context.submit(execute("first")), context.submit(execute("second"))
        assert context.interrupt(first.id) == "cancelled"
        assert context.interrupt(first.id) == "idle"
        end = await finished(first)
        assert end.outcome is events.Outcome.CANCELLED
        assert end.error == events.Failure(name="KeyboardInterrupt", value="")
        assert isinstance(end.cause, ExecutionInterrupted)
        assert first.state == "cancelled"
        assert "interrupt" not in worker.calls
        worker.done(message)
        assert (await worker.run()).request.code == "second"
        assert context.interrupt(running.id) == "idle", "it has ended"
        assert context.interrupt("unknown") == "idle"
        assert "interrupt" not in worker.calls
        assert context.interrupt(second.id) == "interrupting"
        assert worker.calls.count("interrupt") == 1


async def test_an_execution_that_waits_for_the_worker_can_be_cancelled() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        execution = context.submit(execute())
        assert context.interrupt() == "idle", "nothing runs"
        assert context.interrupt(execution.id) == "cancelled"
        assert (await finished(execution)).outcome is events.Outcome.CANCELLED
        launcher.gate.set()
        await context.start()
        assert context.info().active
