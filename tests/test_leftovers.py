"""No task, timer or object of a context stays in the daemon after the context ends."""

import asyncio
import contextlib
import gc
import logging
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from blockbuster import BlockBuster
from fake_worker import FakeLauncher, FakeWorker
from harness import PREFIX

from interpreterd.app import make_app
from interpreterd.contexts.context import Context
from interpreterd.contexts.journal import Follower
from interpreterd.contexts.manager import Manager
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.machine.machine import Machine
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Finished, Output, Started
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.processes.nursery import Nursery
from interpreterd.settings import Settings
from interpreterd.workers.launchers.fork import ForkLauncher
from interpreterd.workers.launchers.spawn import SpawnLauncher

LAUNCHERS = pytest.mark.parametrize("launcher", ["spawn", "fork"])


App = TestClient[web.Request, web.Application]


KINDS = (Context, Machine, Follower, WebSocket)


def alive() -> dict[str, int]:
    """Return the number of the daemon's objects, by type. A leaked timer, task or registry entry keeps some."""
    gc.collect()
    everything = gc.get_objects()
    return {kind.__name__: sum(isinstance(thing, kind) for thing in everything) for kind in KINDS}


async def only(tasks: int) -> None:
    """Wait until only this many tasks are left. A handler ends shortly after its client gets the close."""
    while len(left := asyncio.all_tasks()) > tasks:
        await asyncio.wait(left - {asyncio.current_task()}, return_when=asyncio.FIRST_COMPLETED)


@contextlib.asynccontextmanager
async def execution(app: App, context: str, **keys: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with app.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({"code": "x", "contextId": context, **keys})
        yield socket


async def last_of(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """Read messages to the end; return the last one."""
    message = None
    async for frame in socket:
        message = frame.json()
    return message


async def completes(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context) as socket:
        worker.done(await worker.run())
        assert (await last_of(socket))["text"] == "completed"


async def is_interrupted(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context) as socket:
        run = await worker.run()
        await (await app.post(f"{PREFIX}/context/{context}/interrupt")).read()
        worker.done(run)
        await worker.settle()
        await last_of(socket)


async def times_out(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context, timeout=1) as socket:
        run = await worker.run()
        await worker.interrupted.wait()
        worker.done(run)
        assert (await last_of(socket))["text"] == "interrupted"


async def dies(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context) as socket:
        await worker.run()
        worker.exit("killed by SIGSEGV")
        await last_of(socket)


async def loses_its_client(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context):
        run = await worker.run()
    worker.write("for nobody")
    worker.done(run)


async def is_deleted(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context) as running:
        await worker.run()
        async with execution(app, context) as queued:
            await queued.ping()
            await (await app.delete(f"{PREFIX}/context/{context}")).read()
            assert (await last_of(running))["name"] == (await last_of(queued))["name"] == "ContextError"


async def exits(app: App, worker: FakeWorker, context: str) -> None:
    async with execution(app, context) as socket:
        worker.exiting(await worker.run())
        await last_of(socket)


STORIES = (completes, is_interrupted, dies, loses_its_client, is_deleted, exits, times_out)


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture
async def app(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> App:
    """Return a client of the application."""
    started: App = await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))
    return started


async def test_executions_leave_nothing_in_a_context_that_stays(app: App, launcher: FakeLauncher) -> None:
    async with app.post(PREFIX + "/context") as response:
        context = (await response.json())["id"]
    worker = await launcher.worker()
    tasks = len(asyncio.all_tasks())
    await completes(app, worker, context)
    await only(tasks)
    objects = alive()
    for story in (completes, is_interrupted, loses_its_client, completes):
        await story(app, worker, context)
    await only(tasks)
    assert alive() == objects


async def test_cycles_leave_no_task_and_no_timer(
    app: App, launcher: FakeLauncher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # pytest keeps log records; the tracebacks in them keep objects

    async def cycle(story: Callable[[App, FakeWorker, str], Awaitable[None]]) -> None:
        async with app.post(PREFIX + "/context") as response:
            context = (await response.json())["id"]
        await story(app, await launcher.worker(), context)
        async with app.delete(f"{PREFIX}/context/{context}") as response:
            assert response.status in (200, 404)
        launcher.workers.clear()

    async def cannot_start() -> None:
        launcher.failure = WorkerStartFailed("python3 not found")
        async with app.post(PREFIX + "/context") as response:
            assert response.status == 500
        launcher.failure = None

    await cannot_start()
    tasks = len(asyncio.all_tasks())
    await cycle(completes)
    await only(tasks)
    objects = alive()
    await cannot_start()
    for story in STORIES:
        await cycle(story)
    await only(tasks)
    assert alive() == objects


@LAUNCHERS
async def test_a_deleted_context_and_its_worker_are_in_no_cycle(launcher: str, no_blocking: BlockBuster) -> None:
    """Collecting cycles blocks the event loop and is rare, so objects must be freed without it."""
    nursery = Nursery()
    async with contextlib.AsyncExitStack() as stack:
        spawner = SpawnLauncher(python=sys.executable, nursery=nursery, start_timeout_s=10)
        stack.callback(spawner.close)
        forker = ForkLauncher(spawner, modules=(), nursery=nursery, start_timeout_s=10)
        stack.push_async_callback(forker.close)
        no_blocking.deactivate()
        await spawner.describe_python()  # the launcher looks for the worker's files once
        no_blocking.activate()
        settings = Settings.of(cwd="/")
        chosen = spawner if launcher == "spawn" else forker
        manager = await stack.enter_async_context(Manager(settings.contexts, settings.workers, chosen))
        gc.disable()
        stack.callback(gc.enable)
        context = manager.existing((await manager.create(CreateContext())).id)
        execution = context.submit(Execute(code="print(1)"))
        assert [type(event) async for _, event in execution.journal.client] == [Started, Output, Finished]
        context_gone, worker_gone = asyncio.Event(), asyncio.Event()
        weakref.finalize(context, context_gone.set)
        weakref.finalize(context._slot.worker, worker_gone.set)
        await manager.delete(context.id)
        del context, execution
        await context_gone.wait()
        await worker_gone.wait()
