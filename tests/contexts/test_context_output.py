"""The output that a context's clients see; a slow client slows only its own execution."""

from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, finished, open_context, out, read, run

from interpreterd.contexts.limits import LAST_WORDS_BYTES
from interpreterd.model import events


async def test_late_output_belongs_to_no_execution() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, first, _ = await run(context, launcher)
        worker.done(first)
        worker.write("idle")
        worker.reading = False  # so "late" is still in the pipe when the execution begins
        worker.write("late")
        worker.write_half_a_character()
        execution = context.submit(execute())
        worker.reading = True
        worker.write("own")
        worker.done(await worker.run())
        assert await read(execution) == [events.Output(stream=events.Stream.STDOUT, text="own"), COMPLETED]


async def test_half_a_character_at_the_end_belongs_to_its_execution() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, first, execution = await run(context, launcher)
        worker.write_half_a_character()
        worker.done(first)
        assert await read(execution) == [events.Output(stream=events.Stream.STDOUT, text="\ufffd"), COMPLETED]


async def test_a_slow_client_makes_the_program_wait_and_loses_nothing() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=2 * out("12345").kept_bytes) as context:
        worker, message, execution = await run(context, launcher)
        worker.write("12345")
        assert worker.reading
        worker.write("67890")
        assert not worker.reading
        worker.write("waits")
        told = execution.journal.client
        assert [(await anext(told))[1] for _ in range(3)] == [
            events.Queued(ahead=0),
            events.Started(),
            events.Output(stream=events.Stream.STDOUT, text="12345"),
        ]
        assert worker.reading
        await anext(told)
        assert await anext(told) == (4, events.Output(stream=events.Stream.STDOUT, text="waits"))
        worker.done(message)
        assert await anext(told) == (5, COMPLETED)


async def test_what_is_in_the_pipe_comes_before_the_end_although_the_client_is_slow() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, message, execution = await run(context, launcher)
        worker.write("a")
        worker.write("b")
        worker.done(message)
        assert worker.reading, "the next execution is not to wait for this one's client"
        assert await read(execution) == [events.Output(stream=events.Stream.STDOUT, text="ab"), COMPLETED]


async def test_a_client_that_has_gone_does_not_stop_the_program() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, message, execution = await run(context, launcher)
        worker.write("a")
        assert not worker.reading
        execution.journal.client.stop()
        assert worker.reading
        worker.write("b" * 100)
        assert worker.reading
        worker.done(message)
        execution = context.submit(execute())
        worker.done(await worker.run())
        assert await finished(execution) == COMPLETED


async def test_the_slow_client_of_an_earlier_execution_does_not_stop_this_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, first, slow = await run(context, launcher)
        worker.write("a")
        worker.done(first)
        execution = context.submit(execute())
        second = await worker.run()
        worker.write("b")
        assert not worker.reading, "this one's own client has not read"
        await read(slow)
        assert not worker.reading, "what another client reads is no room here"
        worker.done(second)
        assert await read(execution) == [events.Output(stream=events.Stream.STDOUT, text="b"), COMPLETED]


async def test_an_interrupted_program_may_say_its_last_words_to_a_slow_client() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, message, execution = await run(context, launcher)
        worker.write("a")
        assert not worker.reading
        assert context.interrupt() == "interrupting"
        assert worker.reading
        worker.write("x" * (LAST_WORDS_BYTES - 2 * out("a").kept_bytes))
        assert worker.reading
        worker.write("y")
        assert not worker.reading, "last words have a bound, too"
        worker.done(message, events.Failure(name="KeyboardInterrupt", value=""))
        assert (await finished(execution)).outcome is events.Outcome.INTERRUPTED
