"""Nothing that a context started outlives it, whatever it does to get away; and nothing of a context outlives it."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from attrs import frozen
from blockbuster import BlockBuster
from escaping import Witness, escape
from fake_worker import FakeLauncher, FakeWorker
from harness import PREFIX, Client, Daemon, children, gone
from leaving import comes, holds
from standing import SharedDaemon

from interpreterd.app import make_app
from interpreterd.contexts.context import Context
from interpreterd.contexts.journal import Follower
from interpreterd.contexts.manager import Manager
from interpreterd.http.websocket import Socket
from interpreterd.machine.machine import Machine
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Finished, Output, Started
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.processes.nursery import Nursery
from interpreterd.settings import Settings
from interpreterd.workers.launchers.fork import ForkLauncher
from interpreterd.workers.launchers.spawn import SpawnLauncher

StartDaemon = Callable[..., Awaitable[Daemon]]
LAUNCHERS = pytest.mark.parametrize("launcher", ["spawn", "fork"])


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Sees all that was started by code that has run ``hold``."""
    witness = Witness(tmp_path / "witness")
    yield witness
    witness.close()


@LAUNCHERS
@pytest.mark.parametrize("ending", ["deleted", "worker killed", "exit"])
async def test_nobody_gets_away_from_a_context(
    standing: Callable[..., SharedDaemon], witness: Witness, launcher: str, ending: str
) -> None:
    """And no zombie is left: afterwards the daemon has the children that it had before."""
    daemon = standing("--launcher", launcher, "--pool-size", "0")
    async with Client(daemon.url) as client:
        await client.request("DELETE", f"/context/{await client.create()}")  # whatever is started once
        before = children(daemon.pid)
        context = await client.create()
        code = escape(witness, "exit()") if ending == "exit" else escape(witness)
        async with client.running(code, contextId=context) as running:
            await running.until("\n")
            worker = int(running.result.stdout)
            if ending == "deleted":
                await client.request("DELETE", f"/context/{context}")
            elif ending == "worker killed":
                os.kill(worker, signal.SIGKILL)
            await running.finish()
        await gone(worker)
        await witness.gone()
        if ending != "deleted":
            assert (await client.run("print('next')", context)).stdout == "next\n"
            await client.request("DELETE", f"/context/{context}")
        await holds(lambda: children(daemon.pid) == before)


@LAUNCHERS
async def test_nobody_gets_away_from_a_daemon_that_was_killed(
    start_daemon: StartDaemon, witness: Witness, launcher: str
) -> None:
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client, client.running(escape(witness)) as running:
        await running.until("\n")
        below = children(daemon.pid)
        daemon.process.kill()
        await gone(int(running.result.stdout), *below)
        await witness.gone()


# Cycles

CYCLES = {"spawn": 24, "fork": 36}
LIVES = {
    "completes": "print('x' * 10_000)",
    "fails": "1 / 0",
    "exits": "exit()",
    "dies": "import os; os._exit(3)",
    "leaves a child": "import subprocess; subprocess.Popen(['sleep', '1000'])",
    "runs on": "import time; print('on', flush=True); time.sleep(1000)",
}


async def live(client: Client, code: str) -> None:
    """Create a context, run ``code`` in it, and delete it; ``client`` does not wait for code that runs on."""
    context = await client.create()
    async with client.running(code, contextId=context) as running:
        if "sleep(1000)" in code:
            await running.until("on")
        else:
            await running.finish()
    assert (await client.request("DELETE", f"/context/{context}"))[0] == 200


@frozen
class Belongings:
    """What a daemon has.

    Attributes:
        descriptors: What they stand for; sockets and pipes have numbers in their names.
        children: Zombies among them.
    """

    descriptors: set[str]
    children: list[int]
    threads: list[str]

    def no_more_than(self, before: Self) -> bool:
        """Whether nothing has been added."""
        same = (self.children, self.threads) == (before.children, before.threads)
        return same and self.descriptors <= before.descriptors


def belongings(pid: int) -> Belongings:
    """Look at a daemon."""
    folder = Path(f"/proc/{pid}/fd")
    descriptors = set()
    for fd in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # closed between the two looks
            descriptors.add(os.readlink(folder / fd))
    return Belongings(descriptors, children(pid), os.listdir(f"/proc/{pid}/task"))


@LAUNCHERS
async def test_cycles_leave_nothing(start_daemon: StartDaemon, tmp_path: Path, launcher: str) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0", env={"TMPDIR": str(temporary)})
    async with Client(daemon.url) as client:
        await live(client, LIVES["completes"])
    before = await settled(daemon)
    async with Client(daemon.url) as client:

        async def lives(number: int) -> None:
            codes = list(LIVES.values())
            for cycle in range(number, CYCLES[launcher], 4):
                await live(client, codes[cycle % len(codes)])

        await asyncio.gather(*map(lives, range(4)))

    async def nothing_is_added() -> bool:
        return (await settled(daemon)).no_more_than(before)

    await comes(nothing_is_added)  # a connection's end is seen a moment later
    assert list(temporary.iterdir()) == []


async def settled(daemon: Daemon) -> Belongings:
    """What it has after it has answered a request."""
    async with Client(daemon.url) as client:
        assert (await client.request("GET", "/contexts"))[1] == {"contexts": []}
    return belongings(daemon.pid)


# Tasks and timers. Neither can be counted in another process; so the daemon's application runs here, over fake workers.

App = TestClient[web.Request, web.Application]
KINDS = (Context, Machine, Follower, Socket)


def alive() -> dict[str, int]:
    """How many of the daemon's objects there are. A timer, a task or a registry that forgets nothing keeps some."""
    gc.collect()
    everything = gc.get_objects()
    return {kind.__name__: sum(isinstance(thing, kind) for thing in everything) for kind in KINDS}


async def only(tasks: int) -> None:
    """Wait until there are no more tasks than these: a handler ends a moment after its client has seen the close."""
    while len(left := asyncio.all_tasks()) > tasks:
        await asyncio.wait(left - {asyncio.current_task()}, return_when=asyncio.FIRST_COMPLETED)


@contextlib.asynccontextmanager
async def execution(app: App, context: str, **keys: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with app.ws_connect(PREFIX + "/execute") as socket:
        await socket.send_json({"code": "x", "contextId": context, **keys})
        yield socket


async def last_of(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """Read to the end; return the last message."""
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
    """What the application starts workers with."""
    return FakeLauncher()


@pytest.fixture
async def app(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> App:
    """A client of the application."""
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
    caplog.set_level(logging.CRITICAL)  # pytest keeps records, whose errors' tracebacks keep everything

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
    """The search for cycles holds the event loop; so it is rare, and nothing is to wait for it."""
    nursery = Nursery()
    async with contextlib.AsyncExitStack() as stack:
        spawner = SpawnLauncher(python=sys.executable, nursery=nursery, start_timeout_s=10)
        stack.callback(spawner.close)
        forker = ForkLauncher(spawner, modules=(), nursery=nursery, start_timeout_s=10)
        stack.push_async_callback(forker.close)
        no_blocking.deactivate()
        await spawner.describe_python()  # whose files are looked for once
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
