"""Looks at a namespace: every described answer, in requests of ``described.Walk``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from described import Walk
from fake_worker import FakeLauncher, FakeWorker
from harness import Gate

from interpreterd.contexts.manager import Manager
from interpreterd.machine.inputs import Exceeded
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Failure
from interpreterd.pipe.messages import Run

CODE_LOOKS = ("complete", "inspect", "isComplete")
LOOKS = (*CODE_LOOKS, "listVariables", "listHistory", "listComms")
STOPPED = Failure(name="KeyboardInterrupt", value="")


def wish(name: str, **keys: Any) -> dict[str, Any]:
    """Return the options of a request for a look."""
    return {"json": {"code": "pri", **keys}} if name in CODE_LOOKS else {}


async def looks(walk: Walk, gate: Gate) -> None:
    """Ask a real daemon, whose contexts may have one execution in the queue."""
    context = await walk("createContext", 200)
    code = "x = 1\ndef f(a: int): 'doc'\nimport os"
    await walk("execute", 200, json={"code": code, "contextId": context["id"]})
    for name in LOOKS:
        await walk(name, 200, id=context["id"], **wish(name))
        await walk(name, 404, **wish(name))
    assert (await walk("inspect", 200, id=context["id"], json={"code": "f(", "detail": 1}))["signature"] == "(a: int)"
    for name in CODE_LOOKS:
        for body in ([], {}, {"code": None}, {"code": 1}, {"code": "x", "cursor": "1"}, {"code": "x", "cursor": 0.5}):
            await walk(name, 400, "malformed_request", id=context["id"], json=body)
        for keys in ({"cursor": 4}, {"cursor": -1}, {"detail": 2}, {"timeout": -1}, {"timeout": 2**32}):
            await walk(name, 400, "invalid_request", id=context["id"], **wish(name, **keys))
    await walk("listVariables", 400, "malformed_request", id=context["id"], query="?timeout=soon")
    await walk("listVariables", 400, "invalid_request", id=context["id"], query="?timeout=4294967296")
    for query in ("?n=one", "?start=1.5", "?stop=-", "?unique=1", "?output=yes"):
        await walk("listHistory", 400, "malformed_request", id=context["id"], query=query)
    for query in ("?n=1001", "?n=-1", f"?pattern={'x' * 1001}", "?start=1&n=2", "?stop=2&pattern=a"):
        await walk("listHistory", 400, "invalid_request", id=context["id"], query=query)
    await walk("listComms", 400, "malformed_request", id=context["id"], query="?timeout=soon")
    await walk("listComms", 400, "invalid_request", id=context["id"], query=f"?target={'x' * 1001}")
    for query in ("?n=1&output=true", "?start=-1", "?start=1&stop=2&unique=true", "?pattern=x*"):
        (cell,) = (await walk("listHistory", 200, id=context["id"], query=query))["cells"]
        assert (cell["number"], cell["source"]) == (1, code)
    assert (await walk("listHistory", 200, id=context["id"], query="?pattern=y"))["cells"] == []
    runs = [
        await walk("execute", 202, json={"code": gate.wait, "contextId": context["id"], "background": True})
        for _ in range(2)
    ]
    for name in LOOKS:
        await walk(name, 503, "limit_reached", id=context["id"], **wish(name))
    for execution in reversed(runs):
        await walk("interruptExecution", 200, id=execution["id"])
    await walk("deleteContext", 200, id=context["id"])


async def looks_that_fail(walk: Walk, launcher: FakeLauncher, manager: Manager) -> None:
    """Ask a daemon whose workers are the test's, and end what they do in every way."""
    for name in LOOKS:
        context = (await walk("createContext", 200))["id"]

        async def look(
            status: int,
            code: str,
            end: Callable[[FakeWorker, Run], Awaitable[Any]],
            name: str = name,
            context: str = context,
            **keys: Any,
        ) -> None:
            async with asyncio.TaskGroup() as tasks:
                query = f"?timeout={keys['timeout']}" if keys and name not in CODE_LOOKS else ""
                asked = walk(name, status, code, id=context, query=query, **wish(name, **keys))
                tasks.create_task(asked)
                worker = launcher.workers[-1]
                await end(worker, await worker.run())

        async def stop(worker: FakeWorker, run: Run, context: str = context) -> None:
            await walk("interruptContext", 200, id=context)
            worker.done(run, STOPPED)
            await worker.settle()

        async def time_out(worker: FakeWorker, run: Run) -> None:
            await worker.interrupted.wait()
            worker.done(run, STOPPED)
            await worker.settle()

        async def exceed(worker: FakeWorker, run: Run, context: str = context) -> None:
            manager.existing(context)._feed(Exceeded("CPU limit of 1 s exceeded", kill=False))
            worker.done(run, STOPPED)
            await worker.settle()

        async def restart(worker: FakeWorker, run: Run, context: str = context) -> None:
            await walk("restartContext", 200, id=context)

        async def leave(worker: FakeWorker, run: Run) -> None:
            worker.exit("killed by SIGSEGV")

        async def delete(worker: FakeWorker, run: Run, context: str = context) -> None:
            await walk("deleteContext", 200, id=context)

        await look(408, "execution_timed_out", time_out, timeout=1)
        await look(409, "execution_interrupted", stop)
        await look(422, "limit_exceeded", exceed)
        await look(409, "context_restarted", restart)
        await look(422, "look_failed", leave)
        launcher.failure = WorkerStartFailed("python3 not found")
        await walk(name, 500, "worker_start_failed", id=context, **wish(name))
        launcher.failure = None
        await walk("restartContext", 200, id=context)
        await look(410, "context_deleted", delete)
