"""A context's numbers: executions by outcome, their times and output, and why workers have ended."""

from typing import Any

import pytest
from fake_worker import FakeLauncher, FakeWorker
from open_context import execute, open_context, read, run

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import Executions
from interpreterd.contexts.tally import Tally
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine.effects import Finish
from interpreterd.model.errors import ContextDeleted, ServerShuttingDown
from interpreterd.model.events import Outcome, Stream
from interpreterd.model.requests import Execute
from interpreterd.monitoring.counts import COUNTS


def tally(context: Context) -> Tally:
    return context.transcript.tally


def deaths() -> dict[str, int]:
    return dict(COUNTS.worker_deaths)


def more(before: dict[str, int]) -> dict[str, int]:
    return {key: n - before.get(key, 0) for key, n in COUNTS.worker_deaths.items() if n != before.get(key, 0)}


async def test_executions_count_by_outcome_with_their_output() -> None:
    launcher = FakeLauncher()
    before, seconds = COUNTS.executions["", "completed"], sum(COUNTS.execution.counts)
    firsts = sum(COUNTS.first_output.counts)
    async with open_context(launcher) as context:
        worker, message, execution = await run(context, launcher)
        queued = context.submit(execute())
        worker.write("grüß dich")
        worker.write("more", Stream.STDERR)
        worker.done(message)
        await read(execution)
        worker.done(await worker.run())
        await read(queued)
        its = tally(context)
        assert its.outcomes == {"completed": 2}
        assert (its.output_bytes, execution.output_bytes, queued.output_bytes) == (15, 15, 0)
        assert its.running_s > 0
        assert its.queued_s > 0
        assert execution.first_output_at is not None
        assert queued.first_output_at is None
    assert COUNTS.executions["", "completed"] == before + 2
    assert sum(COUNTS.execution.counts) == seconds + 2
    assert sum(COUNTS.first_output.counts) == firsts + 1


async def test_an_execution_that_never_ran_counts_as_cancelled_and_has_no_running_time() -> None:
    launcher = FakeLauncher()
    seconds = sum(COUNTS.execution.counts)
    async with open_context(launcher) as context:
        worker, message, execution = await run(context, launcher)
        waiting = context.submit(execute())
        context.interrupt(waiting.id)
        worker.done(message)
        await read(execution)
        await read(waiting)
        assert tally(context).outcomes == {"cancelled": 1, "completed": 1}
        assert tally(context).raised == 1, "its client was told an error"
    assert sum(COUNTS.execution.counts) == seconds + 1


async def ends(worker: FakeWorker, message: Any, context: Context, how: str) -> None:
    match how:
        case "exit":
            worker.exiting(message)
        case "signal":
            worker.exit("killed by SIGSEGV")
        case "protocol":
            worker.listener.on_broken("not JSON")
            worker.exit("killed by SIGKILL")


@pytest.mark.parametrize("how", ["exit", "signal", "protocol"])
async def test_a_worker_ends_for_a_reason_and_its_successor_counts_as_a_restart(how: str) -> None:
    launcher = FakeLauncher()
    before = deaths()
    async with open_context(launcher) as context:
        worker, message, execution = await run(context, launcher)
        await ends(worker, message, context, how)
        await read(execution)
        assert more(before) == {how: 1}
        again = context.submit(execute())
        second = await launcher.worker()
        second.done(await second.run())
        await read(again)
        assert tally(context).restarts == {how: 1}


async def test_a_worker_of_a_deleted_context_has_not_crashed() -> None:
    launcher = FakeLauncher()
    before = deaths()
    async with open_context(launcher) as context:
        await run(context, launcher)
        await context.close(ContextDeleted("c"))
    assert more(before) == {"deleted": 1}


async def test_a_restart_that_a_client_wants_is_no_crash() -> None:
    launcher = FakeLauncher()
    before = deaths()
    async with open_context(launcher) as context:
        await run(context, launcher)
        await context.restart()
        assert more(before) == {"restart": 1}
        assert tally(context).restarts == {"restart": 1}


def test_only_a_context_that_was_made_counts_as_deleted() -> None:
    made, deleted = COUNTS.contexts_created, COUNTS.contexts_deleted
    cause = ServerShuttingDown()
    it = Tally("c")
    assert it.closed(cause) is cause
    assert (COUNTS.contexts_created, COUNTS.contexts_deleted) == (made, deleted)
    it.created(0.1)
    it.closed(cause)
    it.closed(cause)
    assert (COUNTS.contexts_created, COUNTS.contexts_deleted) == (made + 1, deleted + 1)


def test_executions_that_clients_cannot_list_do_not_count() -> None:
    """What a dialect runs for itself, and messages for comms."""
    before = dict(COUNTS.executions)
    executions = Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20)
    transcript = Transcript("c", executions, backlog_bytes=600, output_limit_bytes=None, tally=Tally("c", listed=False))
    execution = transcript.new(Execute(code="pass"), on_room=None)
    transcript.begin(execution.id, restarted=False)
    transcript.finish(Finish(execution.id, Outcome.COMPLETED))
    assert dict(COUNTS.executions) == before
    assert transcript.tally.outcomes == {}
