"""A context over a fake worker, and functions that read its events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fake_worker import FakeLauncher, FakeWorker

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.limits import limits_of
from interpreterd.contexts.settings import ContextSettings
from interpreterd.model import events
from interpreterd.model.accounts import Account
from interpreterd.model.errors import (
    ContextDeleted,
)
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.pipe.messages import Run
from interpreterd.workers.isolation.jails import Place
from interpreterd.workers.watcher import Watcher

COMPLETED = events.Finished(outcome=events.Outcome.COMPLETED)
CAUSE = ContextDeleted("c")
LONG_S = 1000  # a limit that no test reaches


@contextlib.asynccontextmanager
async def open_context(
    launcher: FakeLauncher, *, grace_s: float = LONG_S, start_timeout_s: float = LONG_S, **settings: int
) -> AsyncIterator[Context]:
    """Yield a context; close it at the end of the block."""
    chosen = ContextSettings(cwd="/", grace_s=grace_s, **settings)
    async with asyncio.TaskGroup() as tasks:
        executions = Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20)
        context = Context(
            "c",
            "/work",
            request=CreateContext(),
            place=Place(launcher),
            settings=chosen,
            start_timeout_s=start_timeout_s,
            executions=executions,
            limits=limits_of(chosen),
            watcher=Watcher(tasks, launcher.sweep),
            tasks=tasks,
            account=Account(""),
        )
        yield context
        await context.close(CAUSE)


def execute(code: str = "pass", timeout_s: int | None = None) -> Execute:
    return Execute(code=code, timeout_s=timeout_s)


def out(text: str) -> events.Output:
    return events.Output(stream=events.Stream.STDOUT, text=text)


async def read(execution: ExecutionRecord) -> list[events.Event | events.Gap]:
    """Return all events except queued, started and raised ones; neighbouring output is joined."""
    told = [event async for _, event in execution.journal.client]
    joined: list[events.Event | events.Gap] = []
    for event in told:
        before = joined[-1] if joined else None
        if isinstance(event, events.Output) and isinstance(before, events.Output) and before.stream is event.stream:
            joined[-1] = events.Output(stream=event.stream, text=before.text + event.text)
        elif not isinstance(event, events.Queued | events.Started | events.Raised):
            joined.append(event)
    return joined


async def finished(execution: ExecutionRecord) -> events.Finished:
    """Wait for the end of an execution; return its last event."""
    event = (await read(execution))[-1]
    assert isinstance(event, events.Finished)
    return event


async def run(context: Context, launcher: FakeLauncher, code: str = "pass") -> tuple[FakeWorker, Run, ExecutionRecord]:
    """Start the first execution; return its worker, message and record."""
    execution = context.submit(execute(code))
    worker = await launcher.worker()
    return worker, await worker.run(), execution
