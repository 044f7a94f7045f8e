"""One context over a fake worker: does it do what the machine decides, and nothing at the wrong moment?"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from fake_worker import FakeLauncher, FakeWorker

from interpreterd.contexts.context import LAST_WORDS_BYTES, Context
from interpreterd.contexts.executions import Execution, Executions
from interpreterd.contexts.limits import limits_of
from interpreterd.contexts.settings import ContextSettings
from interpreterd.machine import steps
from interpreterd.machine.inputs import Close
from interpreterd.model import events
from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import (
    ContextDeleted,
    ContextRestarted,
    ExecutionInterrupted,
    ExecutionTimedOut,
    InvalidWorkingDirectory,
    LimitReached,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Answer, Asked, Configure, Done, Exiting, Failed, Ready, Run, Sync
from interpreterd.workers.directory import check_directory
from interpreterd.workers.watcher import Watcher
from interpreterd.workers.worker import Worker, configure

COMPLETED = events.Finished(outcome=events.Outcome.COMPLETED)
CAUSE = ContextDeleted("c")
LONG_S = 1000  # never comes, or the test hangs


@contextlib.asynccontextmanager
async def open_context(
    launcher: FakeLauncher, *, grace_s: float = LONG_S, start_timeout_s: float = LONG_S, **settings: int
) -> AsyncIterator[Context]:
    """Make a context; at the end it is closed."""
    chosen = ContextSettings(cwd="/", grace_s=grace_s, **settings)
    async with asyncio.TaskGroup() as tasks:
        executions = Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20)
        context = Context(
            "c",
            "/work",
            envs={},
            metadata={},
            launcher=launcher,
            settings=chosen,
            start_timeout_s=start_timeout_s,
            executions=executions,
            limits=limits_of(chosen),
            watcher=Watcher(tasks, launcher.sweep),
            tasks=tasks,
        )
        yield context
        await context.close(CAUSE)


def execute(code: str = "pass", timeout_s: int | None = None) -> Execute:
    return Execute(code=code, timeout_s=timeout_s)


def out(text: str) -> events.Output:
    return events.Output(stream=events.Stream.STDOUT, text=text)


async def read(execution: Execution) -> list[events.Event | events.Gap]:
    """Return the events, but those before the code ran, and what the last one says again."""
    told = [event async for _, event in execution.journal.client]
    joined: list[events.Event | events.Gap] = []
    for event in told:
        before = joined[-1] if joined else None
        if isinstance(event, events.Output) and isinstance(before, events.Output) and before.stream is event.stream:
            joined[-1] = events.Output(stream=event.stream, text=before.text + event.text)
        elif not isinstance(event, events.Queued | events.Started | events.Raised):
            joined.append(event)
    return joined


async def finished(execution: Execution) -> events.Finished:
    """Return the last event."""
    event = (await read(execution))[-1]
    assert isinstance(event, events.Finished)
    return event


async def run(context: Context, launcher: FakeLauncher, code: str = "pass") -> tuple[FakeWorker, Run, Execution]:
    """Have a first execution run."""
    execution = context.submit(execute(code))
    worker = await launcher.worker()
    return worker, await worker.run(), execution


async def test_an_execution_from_start_to_end() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert not context.info().active
        worker, message, execution = await run(context, launcher, "print('a')")
        assert worker.configured_with == Configure(cwd="/work")
        assert message.code == "print('a')"
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
        assert second.code == "2"
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


# Output


async def test_late_output_is_nobodys() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, first, _ = await run(context, launcher)
        worker.done(first)
        worker.write("idle")
        worker.reading = False  # so that the next is still in the pipe when an execution begins
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


# Interrupt and timeout


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
        assert (await worker.run()).code == "second"
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


# Restart


async def test_restart_has_a_new_worker_and_keeps_the_queue() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, running = await run(context, launcher)
        waiting = context.submit(execute("next"))
        restarting = asyncio.create_task(context.restart())
        end = await finished(running)
        assert (end.outcome, str(end.cause)) == (events.Outcome.LOST, "context restarted: c")
        assert isinstance(end.cause, ContextRestarted)
        assert end.error == events.Failure(name="ContextError", value="context restarted: c")
        assert worker.exited == "exit status 0"
        second = await launcher.worker()
        message = await second.run()
        await restarting
        assert message.code == "next"
        second.done(message)
        assert await read(waiting) == [events.Restarted(), COMPLETED]
        await launcher.swept.wait()


async def test_restart_cancels_the_queue_if_it_is_told_to() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await run(context, launcher)
        waiting = context.submit(execute())
        await context.restart(cancel_queued=True)
        end = await finished(waiting)
        assert (end.outcome, str(end.cause)) == (events.Outcome.CANCELLED, "context restarted: c")
        assert context.info().active
        assert len(launcher.workers) == 2


async def test_restart_of_a_context_that_has_no_worker_starts_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.restart()
        assert context.info().active
        assert len(launcher.workers) == 1


async def test_restarts_at_the_same_time_are_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        await asyncio.gather(context.restart(), context.restart(), context.restart())
        assert context.info().active
        assert len(launcher.workers) == 2


async def test_a_restart_that_fails_says_why_and_can_be_tried_again() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        launcher.failure = WorkerStartFailed("python3 not found")
        with pytest.raises(WorkerStartFailed, match=r"^python3 not found$"):
            await context.restart()
        assert not context.info().active
        launcher.failure = None
        await context.restart()
        assert context.info().active


async def test_a_restart_ends_with_its_context() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        restarting = asyncio.create_task(context.restart())
        await asyncio.sleep(0)
        await context.close(CAUSE)
        with pytest.raises(ContextDeleted):
            await restarting
        assert len(launcher.workers) == 1


# Input


async def asking(
    context: Context, launcher: FakeLauncher, *, client: bool = True, answers: bool = True
) -> tuple[FakeWorker, Run, Execution]:
    """Have an execution run that may ask."""
    execution = context.submit(Execute(code="input()", timeout_s=None, stdin=True), client=client, answers=answers)
    worker = await launcher.worker()
    return worker, await worker.run(), execution


def ask(worker: FakeWorker, message: Run, number: int = 1, prompt: str = "name? ") -> None:
    worker.say(Asked(execution_id=message.execution_id, number=number, prompt=prompt, password=False))


async def test_a_question_and_its_answer() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        assert message.stdin
        assert not context.answer(execution.id, "early")
        worker.write("hello")
        ask(worker, message)
        assert not context.answer("another", "foreign")
        assert context.answer(execution.id, "Ada")
        assert not context.answer(execution.id, "twice")
        assert await worker.told() == Answer(number=1, text="Ada")
        worker.done(message)
        assert await read(execution) == [
            events.Output(stream=events.Stream.STDOUT, text="hello"),
            events.InputRequest(prompt="name? ", password=False),
            COMPLETED,
        ]
        assert not context.answer(execution.id, "late")


@pytest.mark.parametrize(("client", "answers"), [(False, True), (True, False), (False, False)])
async def test_without_a_client_that_answers_there_is_no_input(client: bool, answers: bool) -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        _, message, _ = await asking(context, launcher, client=client, answers=answers)
        assert not message.stdin


async def test_a_client_that_has_gone_is_the_end_of_the_input() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        execution.journal.client.stop()
        ask(worker, message)
        assert await worker.told() == Answer(number=1, text=None)
        assert not context.answer(execution.id, "from nowhere")
        ask(worker, message, 2)  # it lies, or has not read the answer yet
        assert await worker.told() == Answer(number=2, text=None)
        worker.done(message)
        following = context.submit(execute("next"))
        assert (await worker.run()).code == "next"
        assert following.state == "running"


async def test_a_client_that_does_not_read_is_asked_no_more_than_its_backlog() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1000) as context:
        worker, message, execution = await asking(context, launcher)
        for number in range(6):
            ask(worker, message, number)
        answer = await worker.told()
        assert isinstance(answer, Answer)
        assert answer.text is None
        assert answer.number < 5
        worker.done(message)
        assert (await read(execution)).count(events.InputRequest(prompt="name? ", password=False)) == answer.number


async def test_what_is_asked_while_it_is_interrupted_has_no_answer() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        ask(worker, message)
        context.interrupt()
        assert not context.answer(execution.id, "too late")
        ask(worker, message, 2)
        assert await worker.told() == Answer(number=2, text=None)
        worker.done(message, events.Failure(name="KeyboardInterrupt", value=""))
        await worker.settle()
        assert (await finished(execution)).outcome is events.Outcome.INTERRUPTED


async def test_a_question_before_exit_is_not_answered_after_it() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        ask(worker, message)
        worker.say(Exiting(execution_id=message.execution_id))
        assert not context.answer(execution.id, "Ada")
        worker.exit("exit status 0")
        assert (await finished(execution)).outcome is events.Outcome.COMPLETED


# Ends of workers


async def test_exit_then_restart() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await run(context, launcher)
        worker.exiting(message)
        assert await read(execution) == [COMPLETED]
        assert not context.info().active
        execution = context.submit(execute())
        second = await launcher.worker()
        second.done(await second.run())
        assert await read(execution) == [events.Restarted(), COMPLETED]


async def test_last_words_of_a_dying_worker_come_before_its_end() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, execution = await run(context, launcher)
        worker.write("ouch")
        worker.exit("killed by SIGSEGV")
        assert await read(execution) == [
            events.Output(stream=events.Stream.STDOUT, text="ouch"),
            events.Finished(
                outcome=events.Outcome.LOST, error=events.Failure(name="WorkerDied", value="killed by SIGSEGV")
            ),
        ]


async def test_a_channel_that_closes_while_nothing_runs_costs_no_execution() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, journal = await run(context, launcher)
        worker.done(message)
        assert await read(journal) == [COMPLETED]
        worker.listener.on_closed()
        journal = context.submit(execute())  # before its end is known
        second = await launcher.worker()
        second.done(await second.run())
        assert await read(journal) == [events.Restarted(), COMPLETED]


async def test_a_channel_that_closes_while_code_runs_leaves_the_worker_time_to_die() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, journal = await run(context, launcher)
        worker.listener.on_closed()
        worker.exit("killed by SIGSEGV")
        assert (await finished(journal)).error == events.Failure(name="WorkerDied", value="killed by SIGSEGV")


async def test_what_a_dead_worker_left_behind_is_swept() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, execution = await run(context, launcher)
        worker.exit("exit status 1")
        await finished(execution)
        await launcher.swept.wait()


@pytest.mark.parametrize(
    "lie", [Done(execution_id="foreign"), Exiting(execution_id="foreign"), Ready(pid=1, python="3.11.7")]
)
async def test_a_worker_that_lies_is_replaced(lie: Done | Exiting | Ready) -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, execution = await run(context, launcher)
        worker.say(lie)
        end = await finished(execution)
        assert end.outcome is events.Outcome.LOST
        assert end.error is not None
        assert "broke the protocol" in end.error.value
        assert "kill" in worker.calls


async def test_a_worker_that_babbles_is_replaced() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, execution = await run(context, launcher)
        worker.listener.on_broken("not JSON")
        end = await finished(execution)
        assert end.error == events.Failure(name="WorkerDied", value="killed: it broke the protocol (not JSON)")


async def test_a_worker_that_ends_between_its_answer_and_being_taken() -> None:
    launcher = FakeLauncher()
    launcher.leaves = "exit status 7"
    async with open_context(launcher) as context:
        execution = context.submit(execute())
        assert await read(execution) == [
            events.Finished(outcome=events.Outcome.LOST, error=events.Failure(name="WorkerDied", value="exit status 7"))
        ]
        assert not context.info().active
        await context.start()
        assert not context.info().active


# Starts that fail


class Stillborn(FakeLauncher):
    """What it launches has broken the protocol, or ended, when nobody listened."""

    def __init__(self, *, broken: str | None = None, exited: str | None = None) -> None:
        super().__init__()
        self._broken = broken
        self._exited = exited

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        worker = await super().launch(envs)
        worker.broken, worker.exited = self._broken, self._exited
        return worker


@pytest.mark.parametrize(
    ("launcher", "why"),
    [
        (Stillborn(exited="killed by SIGKILL"), "the worker ended at once: killed by SIGKILL"),
        (Stillborn(broken="not JSON"), "the worker broke the protocol: not JSON"),
    ],
    ids=["ended", "broken"],
)
async def test_what_happened_to_a_worker_before_it_is_configured_is_not_waited_for(
    launcher: FakeLauncher, why: str
) -> None:
    launcher.answer = None
    async with open_context(launcher) as context:
        end = await finished(context.submit(execute()))
        assert str(end.cause) == f"failed to start context: {why}"


async def test_a_failed_start_ends_all_that_wait_and_can_be_tried_again() -> None:
    launcher = FakeLauncher()
    launcher.failure = WorkerStartFailed("python3 not found")
    async with open_context(launcher) as context:
        ends = [await finished(execution) for execution in (context.submit(execute()), context.submit(execute()))]
        for end in ends:
            assert end.outcome is events.Outcome.CANCELLED
            assert isinstance(end.cause, WorkerStartFailed)
            assert str(end.cause) == "failed to start context: python3 not found"
        launcher.failure = None
        worker, message, execution = await run(context, launcher)
        worker.done(message)
        assert await read(execution) == [COMPLETED]


async def test_a_worker_that_cannot_be_configured_is_killed() -> None:
    launcher = FakeLauncher()
    launcher.answer = Failed(reason="cannot enter /work: Permission denied")
    async with open_context(launcher) as context:
        with pytest.raises(WorkerStartFailed, match="Permission denied"):
            await context.start()
        assert launcher.workers[0].calls[0] == "kill"


async def test_a_worker_that_says_something_else_is_killed() -> None:
    launcher = FakeLauncher()
    launcher.answer = Ready(pid=1, python="3.11.7")
    async with open_context(launcher) as context:
        with pytest.raises(WorkerStartFailed, match="the worker said Ready, not Configured"):
            await context.start()
        assert launcher.workers[0].calls[0] == "kill"


async def test_a_worker_that_does_not_answer_is_killed() -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_context(launcher, start_timeout_s=0) as context:
        with pytest.raises(WorkerStartFailed, match="did not answer within 0 s"):
            await context.start()
        assert launcher.workers[0].calls[0] == "kill"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("exited", "the worker ended at once: killed by SIGSEGV"),
        ("broken", "the worker broke the protocol: killed by SIGSEGV"),
    ],
)
async def test_a_worker_that_failed_before_it_was_asked_is_not_waited_for(fault: str, why: str) -> None:
    worker = FakeWorker(1, answer=None)
    setattr(worker, fault, "killed by SIGSEGV")
    with pytest.raises(WorkerStartFailed, match=f"^{why}$"):
        await configure(worker, Configure(cwd="/"), LONG_S)


async def test_a_worker_that_ends_instead_of_answering_says_why() -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_context(launcher) as context:
        execution = context.submit(execute())
        worker = await launcher.worker()
        await worker.configuring.wait()
        worker.write("Traceback\nImportError: no os\n", events.Stream.STDERR)
        worker.exit("exit status 1")
        end = await finished(execution)
        assert end.error is not None
        assert end.error.value == (
            "failed to start context: the worker ended at once: exit status 1: ImportError: no os"
        )


async def test_a_mistake_in_the_launcher_ends_one_start_and_no_other_context(
    caplog: pytest.LogCaptureFixture,
) -> None:
    launcher = FakeLauncher()
    launcher.failure = ZeroDivisionError("a mistake")
    async with open_context(launcher) as context:
        end = await finished(context.submit(execute()))
        assert isinstance(end.cause, WorkerStartFailed)
        assert "ZeroDivisionError" not in str(end.cause)
        assert "ZeroDivisionError" in caplog.text
        launcher.failure = None
        await context.start()


async def test_a_mistake_in_a_sweep_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    launcher = FakeLauncher()
    launcher.sweep_failure = ZeroDivisionError("a mistake")
    async with open_context(launcher) as context:
        worker, message, execution = await run(context, launcher)
        worker.exiting(message)
        await finished(execution)
    assert "ZeroDivisionError" in caplog.text


# The end of the context


async def test_close_tells_everyone_and_waits_for_the_worker() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, execution = await run(context, launcher)
        waiting = context.submit(execute())
        await context.close(CAUSE)
        assert worker.exited == "exit status 0"
        assert launcher.swept.is_set()
        failure = events.Failure(name="ContextError", value="context deleted: c")
        assert await finished(execution) == events.Finished(outcome=events.Outcome.LOST, error=failure, cause=CAUSE)
        assert await finished(waiting) == events.Finished(outcome=events.Outcome.CANCELLED, error=failure, cause=CAUSE)


async def test_close_waits_for_the_second_worker_as_for_the_first() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        first, message, execution = await run(context, launcher)
        first.exiting(message)
        await finished(execution)
        context.submit(execute())
        second = await launcher.worker()
        await second.run()
        await context.close(CAUSE)
        assert second.exited == "exit status 0"


async def test_a_worker_that_neither_ends_nor_dies_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "END_LIMIT_S", 0)
    monkeypatch.setattr(steps, "GIVE_UP_AFTER_S", 0)
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        execution = context.submit(execute())
        worker = await launcher.worker()
        worker.immortal = worker.stubborn = True
        await worker.run()
        await context.restart()
        assert (await finished(execution)).outcome is events.Outcome.LOST
        assert [call for call in worker.calls if call in ("end", "kill", "give_up")] == ["end", "kill", "give_up"]
        second = await launcher.worker()
        second.immortal = True
        await context.close(CAUSE)
        assert [call for call in second.calls if call in ("end", "kill", "give_up")] == ["kill", "give_up"], (
            "it had run nothing"
        )


async def test_close_while_the_worker_is_launched() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        execution = context.submit(execute())
        await asyncio.sleep(0)
        await context.close(CAUSE)
        with pytest.raises(ContextDeleted):
            await starting
        assert (await finished(execution)).cause is CAUSE
    assert launcher.workers == []


async def test_close_before_the_launch_has_begun() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        asyncio.get_running_loop().call_soon(context._feed, Close(CAUSE))
        context._closed_by = CAUSE
        with pytest.raises(ContextDeleted):
            await starting
    assert launcher.workers == []


async def test_close_while_the_worker_is_configured_kills_it() -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        worker = await launcher.worker()
        await worker.configuring.wait()
        await context.close(ServerShuttingDown())
        with pytest.raises(ServerShuttingDown):
            await starting
    assert worker.exited == "killed by SIGKILL"


async def test_who_asked_for_the_start_may_go_away() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        impatient = asyncio.create_task(context.start())
        execution = context.submit(execute())
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        launcher.gate.set()
        worker = await launcher.worker()
        worker.done(await worker.run())
        assert await finished(execution) == COMPLETED


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


# Directories


def test_a_directory_that_will_do(tmp_path: Path) -> None:
    assert check_directory(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize(
    ("cwd", "reason"),
    [
        ("relative", "working directory is not an absolute path: relative"),
        ("{tmp}/missing", "working directory does not exist: {tmp}/missing"),
        ("{tmp}/file", "working directory is not a directory: {tmp}/file"),
        ("{tmp}/loop", "working directory does not exist: {tmp}/loop"),
        ("/nul\0", "working directory does not exist: /nul\0"),
        ("/" + "x" * 1000, "working directory does not exist: /" + "x" * 1000),
    ],
    ids=["relative", "missing", "file", "loop", "nul", "long"],
)
def test_a_directory_that_will_not_do(cwd: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InvalidWorkingDirectory) as caught:
        check_directory(cwd.replace("{tmp}", str(tmp_path)))
    assert str(caught.value) == reason.replace("{tmp}", str(tmp_path))


def test_a_directory_that_cannot_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # a superuser may enter anything
    with pytest.raises(InvalidWorkingDirectory, match="cannot be entered"):
        check_directory(str(tmp_path))


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
