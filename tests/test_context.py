"""One context over a fake worker: does it do what the machine decides, and nothing at the wrong moment?"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_worker import FakeLauncher, FakeWorker

from interpreterd import context as context_module
from interpreterd.context import LAST_WORDS_CHARS, Context, check_directory
from interpreterd.errors import (
    ContextDeleted,
    ExecutionInterrupted,
    ExecutionTimedOut,
    InvalidWorkingDirectory,
    LimitReached,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.journal import Journal
from interpreterd.messages import Configure, Done, Exiting, Failed, Ready, Run, Sync
from interpreterd.schema import Event, Execute, Failure, Finished, Outcome, Output, Restarted, Started, Stream
from interpreterd.settings import Settings
from interpreterd.worker import Worker

COMPLETED = Finished(outcome=Outcome.COMPLETED)
CAUSE = ContextDeleted("c")
LONG_S = 1000  # never comes, or the test hangs


@contextlib.asynccontextmanager
async def open_context(
    launcher: FakeLauncher, *, grace_s: float = LONG_S, start_timeout_s: float = LONG_S, **settings: int
) -> AsyncIterator[Context]:
    """Make a context; at the end it is closed."""
    chosen = Settings(cwd="/", grace_s=grace_s, start_timeout_s=start_timeout_s, **settings)
    async with asyncio.TaskGroup() as tasks:
        context = Context("c", "/work", launcher=launcher, settings=chosen, tasks=tasks)
        yield context
        await context.close(CAUSE)


def execute(code: str = "pass", timeout_s: int | None = None) -> Execute:
    return Execute(code=code, timeout_s=timeout_s)


async def read(journal: Journal) -> list[Event]:
    """Return the events, but the first one of an execution that ran."""
    first, *rest = [event async for event in journal.follow()]
    return rest if first == Started() else [first]


async def finished(journal: Journal) -> Finished:
    """Return the last event."""
    event = (await read(journal))[-1]
    assert isinstance(event, Finished)
    return event


async def run(context: Context, launcher: FakeLauncher, code: str = "pass") -> tuple[FakeWorker, Run, Journal]:
    """Have a first execution run."""
    journal = context.submit(execute(code))
    worker = await launcher.worker()
    return worker, await worker.run(), journal


async def test_an_execution_from_start_to_end() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert not context.info().active
        worker, message, journal = await run(context, launcher, "print('a')")
        assert worker.configured_with == Configure(cwd="/work")
        assert message.code == "print('a')"
        assert context.info().active
        worker.write("a\n")
        worker.write("b\n", Stream.STDERR)
        worker.done(message)
        assert await read(journal) == [
            Output(stream=Stream.STDOUT, text="a\n"),
            Output(stream=Stream.STDERR, text="b\n"),
            COMPLETED,
        ]


async def test_start_has_a_worker_before_the_first_execution() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        assert context.info().active
        assert len(launcher.workers) == 1


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
        assert await read(one) == [Output(stream=Stream.STDOUT, text="one"), COMPLETED]
        assert await read(two) == [Output(stream=Stream.STDOUT, text="two"), COMPLETED]
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
        journal = context.submit(execute())
        worker.reading = True
        worker.write("own")
        worker.done(await worker.run())
        assert await read(journal) == [Output(stream=Stream.STDOUT, text="own"), COMPLETED]


async def test_half_a_character_at_the_end_belongs_to_its_execution() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, first, journal = await run(context, launcher)
        worker.write_half_a_character()
        worker.done(first)
        assert await read(journal) == [Output(stream=Stream.STDOUT, text="\ufffd"), COMPLETED]


async def test_a_slow_client_makes_the_program_wait_and_loses_nothing() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=10) as context:
        worker, message, journal = await run(context, launcher)
        worker.write("12345")
        assert worker.reading
        worker.write("67890")
        assert not worker.reading
        worker.write("waits")
        events = journal.follow()
        assert await anext(events) == Started()
        assert await anext(events) == Output(stream=Stream.STDOUT, text="1234567890")
        assert worker.reading
        assert await anext(events) == Output(stream=Stream.STDOUT, text="waits")
        worker.done(message)
        assert await anext(events) == COMPLETED
        await events.aclose()


async def test_what_is_in_the_pipe_comes_before_the_end_although_the_client_is_slow() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, message, journal = await run(context, launcher)
        worker.write("a")
        worker.write("b")
        worker.done(message)
        assert worker.reading, "the next execution is not to wait for this one's client"
        assert await read(journal) == [Output(stream=Stream.STDOUT, text="ab"), COMPLETED]


async def test_a_client_that_has_gone_does_not_stop_the_program() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, message, journal = await run(context, launcher)
        worker.write("a")
        assert not worker.reading
        journal.abandon()
        assert worker.reading
        worker.write("b" * 100)
        assert worker.reading
        worker.done(message)
        journal = context.submit(execute())
        worker.done(await worker.run())
        assert await finished(journal) == COMPLETED


async def test_the_slow_client_of_an_earlier_execution_does_not_stop_this_one() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, first, slow = await run(context, launcher)
        worker.write("a")
        worker.done(first)
        journal = context.submit(execute())
        second = await worker.run()
        worker.write("b")
        assert not worker.reading, "this one's own client has not read"
        await read(slow)
        assert not worker.reading, "what another client reads is no room here"
        worker.done(second)
        assert await read(journal) == [Output(stream=Stream.STDOUT, text="b"), COMPLETED]


async def test_an_interrupted_program_may_say_its_last_words_to_a_slow_client() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1) as context:
        worker, message, journal = await run(context, launcher)
        worker.write("a")
        assert not worker.reading
        assert context.interrupt()
        assert worker.reading
        worker.write("x" * (LAST_WORDS_CHARS - 1))
        assert worker.reading
        worker.write("y")
        assert not worker.reading, "last words have a bound, too"
        worker.done(message, Failure(name="KeyboardInterrupt", value=""))
        assert (await finished(journal)).outcome is Outcome.INTERRUPTED


# Interrupt and timeout


async def test_interrupt() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert not context.interrupt()
        worker, message, journal = await run(context, launcher)
        waiting = context.submit(execute())
        assert context.interrupt()
        assert context.interrupt()
        assert worker.calls.count("interrupt") == 1
        worker.done(message, Failure(name="KeyboardInterrupt", value=""))
        end = await finished(journal)
        assert end.outcome is Outcome.INTERRUPTED
        assert isinstance(end.cause, ExecutionInterrupted)
        await worker.settle()
        worker.done(await worker.run())
        assert await finished(waiting) == COMPLETED
        assert not context.interrupt()


async def test_timeout_then_kill_then_restart() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, grace_s=0) as context:
        journal = context.submit(execute(timeout_s=0))
        waiting = context.submit(execute())
        worker = await launcher.worker()
        end = await finished(journal)
        assert worker.calls.index("interrupt") < worker.calls.index("kill")
        assert isinstance(end.cause, ExecutionTimedOut)
        assert end.error is not None
        assert end.error.value.endswith("its worker was killed by SIGKILL, and its variables are lost")
        second = await launcher.worker()
        second.done(await second.run())
        assert await read(waiting) == [Restarted(), COMPLETED]


async def test_a_timeout_that_is_obeyed_keeps_the_worker() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        journal = context.submit(execute(timeout_s=0))
        worker = await launcher.worker()
        message = await worker.run()
        await worker.interrupted.wait()
        worker.done(message, Failure(name="KeyboardInterrupt", value="", traceback="Traceback …"))
        end = await finished(journal)
        assert end.error == Failure(name="TimeoutError", value="execution timed out after 0 s", traceback="Traceback …")
        await worker.settle()
        assert context.info().active
        assert len(launcher.workers) == 1


# Ends of workers


async def test_exit_then_restart() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, journal = await run(context, launcher)
        worker.exiting(message)
        assert await read(journal) == [COMPLETED]
        assert not context.info().active
        journal = context.submit(execute())
        second = await launcher.worker()
        second.done(await second.run())
        assert await read(journal) == [Restarted(), COMPLETED]


async def test_last_words_of_a_dying_worker_come_before_its_end() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, journal = await run(context, launcher)
        worker.write("ouch")
        worker.exit("killed by SIGSEGV")
        assert await read(journal) == [
            Output(stream=Stream.STDOUT, text="ouch"),
            Finished(outcome=Outcome.LOST, error=Failure(name="WorkerDied", value="killed by SIGSEGV")),
        ]


async def test_what_a_dead_worker_left_behind_is_swept() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, journal = await run(context, launcher)
        worker.exit("exit status 1")
        await finished(journal)
        await launcher.swept.wait()


@pytest.mark.parametrize(
    "lie", [Done(execution_id="foreign"), Exiting(execution_id="foreign"), Ready(pid=1, python="3.11.7")]
)
async def test_a_worker_that_lies_is_replaced(lie: Done | Exiting | Ready) -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, journal = await run(context, launcher)
        worker.say(lie)
        end = await finished(journal)
        assert end.outcome is Outcome.LOST
        assert end.error is not None
        assert "broke the protocol" in end.error.value
        assert "kill" in worker.calls


async def test_a_worker_that_babbles_is_replaced() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, journal = await run(context, launcher)
        worker.listener.on_broken("not JSON")
        end = await finished(journal)
        assert end.error == Failure(name="WorkerDied", value="killed: it broke the protocol (not JSON)")


async def test_a_worker_that_ends_between_its_answer_and_being_taken() -> None:
    launcher = FakeLauncher()
    launcher.leaves = "exit status 7"
    async with open_context(launcher) as context:
        journal = context.submit(execute())
        assert await read(journal) == [
            Finished(outcome=Outcome.LOST, error=Failure(name="WorkerDied", value="exit status 7"))
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

    async def launch(self) -> Worker:
        worker = await super().launch()
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
        ends = [await finished(journal) for journal in (context.submit(execute()), context.submit(execute()))]
        for end in ends:
            assert end.outcome is Outcome.CANCELLED
            assert isinstance(end.cause, WorkerStartFailed)
            assert str(end.cause) == "failed to start context: python3 not found"
        launcher.failure = None
        worker, message, journal = await run(context, launcher)
        worker.done(message)
        assert await read(journal) == [COMPLETED]


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


async def test_a_worker_that_ends_instead_of_answering_says_why() -> None:
    launcher = FakeLauncher()
    launcher.answer = None
    async with open_context(launcher) as context:
        journal = context.submit(execute())
        worker = await launcher.worker()
        await worker.configuring.wait()
        worker.write("Traceback\nImportError: no os\n", Stream.STDERR)
        worker.exit("exit status 1")
        end = await finished(journal)
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
        worker, message, journal = await run(context, launcher)
        worker.exiting(message)
        await finished(journal)
    assert "ZeroDivisionError" in caplog.text


# The end of the context


async def test_close_tells_everyone_and_waits_for_the_worker() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, _, journal = await run(context, launcher)
        waiting = context.submit(execute())
        await context.close(CAUSE)
        assert worker.exited == "killed by SIGKILL"
        assert launcher.swept.is_set()
        failure = Failure(name="ContextError", value="context deleted: c")
        assert await finished(journal) == Finished(outcome=Outcome.LOST, error=failure, cause=CAUSE)
        assert await finished(waiting) == Finished(outcome=Outcome.CANCELLED, error=failure, cause=CAUSE)


async def test_close_waits_for_the_second_worker_as_for_the_first() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        first, message, journal = await run(context, launcher)
        first.exiting(message)
        await finished(journal)
        context.submit(execute())
        second = await launcher.worker()
        await second.run()
        await context.close(CAUSE)
        assert second.exited == "killed by SIGKILL"


async def test_close_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(context_module, "CLOSE_LIMIT_S", 0)
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await context.start()
        worker = launcher.workers[0]
        worker.immortal = True
        await context.close(CAUSE)
        assert f"worker {worker.pid} cannot be killed" in caplog.text
        worker.exit("killed by SIGKILL")


async def test_close_while_the_worker_is_launched() -> None:
    launcher = FakeLauncher()
    launcher.gate.clear()
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        journal = context.submit(execute())
        await asyncio.sleep(0)
        await context.close(CAUSE)
        with pytest.raises(ContextDeleted):
            await starting
        assert (await finished(journal)).cause is CAUSE
    assert launcher.workers == []


async def test_close_before_the_launch_has_begun() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        starting = asyncio.create_task(context.start())
        asyncio.get_running_loop().call_soon(context._feed, context_module.Close(CAUSE))
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
        journal = context.submit(execute())
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        launcher.gate.set()
        worker = await launcher.worker()
        worker.done(await worker.run())
        assert await finished(journal) == COMPLETED


async def test_no_timer_is_left_behind() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, _ = await run(context, launcher)
        context.interrupt()
        worker.done(message, Failure(name="KeyboardInterrupt", value=""))
        assert list(context._timers) == ["grace"]
        assert isinstance(await worker.told(), Sync)
        worker.exit("exit status 1")
        assert context._timers == {}


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
        ("/" + "x" * 5000, "working directory does not exist: /" + "x" * 5000),
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
