"""One context over a fake worker performs the machine's effects at the right moment."""

import pytest
from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, finished, open_context, read, run

from interpreterd.model import events
from interpreterd.model.comms import CONTENT_LIMIT_BYTES, ToComm
from interpreterd.model.errors import InvalidRequest, LimitReached
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Configure, Sync


async def test_an_execution_from_start_to_end() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert not context.info().active
        worker, message, execution = await run(context, launcher, "print('a')")
        assert worker.configured_with == Configure(cwd="/work")
        assert message.request.code == "print('a')"
        assert context.info().active
        worker.write("a\n")
        worker.write("b\n", events.Stream.STDERR)
        worker.done(message)
        assert await read(execution) == [
            events.Output(stream=events.Stream.STDOUT, text="a\n"),
            events.Output(stream=events.Stream.STDERR, text="b\n"),
            COMPLETED,
        ]


async def test_start_has_a_worker_before_the_first_execution() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        assert context.info().active
        assert len(launcher.workers) == 1


async def test_a_context_says_where_its_worker_stands() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        assert context.info().state == "dead"
        execution = context.submit(execute())
        context.submit(execute())
        info = context.info()
        assert (info.state, info.active, info.executions, info.queued) == ("starting", False, 0, 2)
        launcher.gate.set()
        worker = await launcher.worker()
        worker.done(await worker.run())
        message = await worker.run()
        info = context.info()
        assert (info.state, info.active, info.executions, info.queued) == ("busy", True, 2, 0)
        assert info.last_used_at == execution.finished_at
        worker.done(message)
        assert (context.info().state, context.info().active) == ("idle", True)


async def test_executions_are_told_one_by_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, first, one = await run(context, launcher, "1")
        two = context.submit(execute("2"))
        worker.write("one")
        worker.done(first)
        second = await worker.run()
        assert second.request.code == "2"
        worker.write("two")
        worker.done(second)
        assert await read(one) == [events.Output(stream=events.Stream.STDOUT, text="one"), COMPLETED]
        assert await read(two) == [events.Output(stream=events.Stream.STDOUT, text="two"), COMPLETED]
        assert len(launcher.workers) == 1


async def test_a_full_queue_refuses_and_forgets() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, queue_limit=1) as context:
        worker, first, _ = await run(context, launcher)
        waiting = context.submit(execute())
        with pytest.raises(LimitReached, match="its limit is 1 "):
            context.submit(execute())
        worker.done(first)
        worker.done(await worker.run())
        assert await finished(waiting) == COMPLETED


async def test_no_timer_is_left_behind() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, _ = await run(context, launcher)
        context.interrupt()
        worker.done(message, events.Failure(name="KeyboardInterrupt", value=""))
        assert context._timers.names == ["grace"]
        assert isinstance(await worker.told(), Sync)
        worker.exit("exit status 1")
        assert context._timers.names == []


async def test_a_message_for_a_comm_is_bounded_and_forgotten_when_it_has_ended() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        comm = ToComm(action="message", comm_id="c")
        with pytest.raises(InvalidRequest, match="a message for a comm must be at most 16777216 bytes long"):
            context.submit(Execute(code="x" * (CONTENT_LIMIT_BYTES + 1), comm=comm))
        execution = context.submit(Execute(code="{}", comm=comm))
        assert context.transcript.unfinished() == []
        worker = await launcher.worker()
        worker.done(await worker.run())
        told = [event async for _, event in execution.journal.client]
        assert isinstance(told[-1], events.Finished)
        assert (told[-1].execution_count, context.info().executions) == (0, 0)
        assert context.transcript._executions.get(execution.id) is None
