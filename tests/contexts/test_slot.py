"""The worker of a context: how it ends, and how a failed start is reported."""

from collections.abc import Mapping

import pytest
from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, finished, open_context, read, run

from interpreterd.model import events
from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import (
    WorkerStartFailed,
)
from interpreterd.pipe.messages import Done, Exiting, Failed, Ready
from interpreterd.workers.worker import Worker


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
        journal = context.submit(execute())  # submitted before the worker's end is known
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


async def test_processes_of_a_dead_worker_are_swept() -> None:
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


class Stillborn(FakeLauncher):
    """Launches workers that have already ended or broken the protocol when the slot begins to listen."""

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
async def test_a_worker_that_ended_before_it_is_configured_is_not_waited_for(launcher: FakeLauncher, why: str) -> None:
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
