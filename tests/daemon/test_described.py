"""A daemon's answers match openapi.json: every status, header, body and code, and nothing else."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from described import OPERATIONS, WEBSOCKET, Walk, documented, headed
from described_calls import calls
from described_files import files, refused_files
from described_state import OTHERS, TURNS, WITH_BODY, contexts_that_move, state, state_that_fails
from fake_worker import FakeLauncher
from harness import Client, Daemon, Gate
from looking import CODE_LOOKS, LOOKS, looks, looks_that_fail

from interpreterd.app import MANAGER, make_app
from interpreterd.contexts.executions import Executions
from interpreterd.contexts.manager import Manager
from interpreterd.http import bodies
from interpreterd.model.errors import LimitReached, OutOfResources, WorkerStartFailed
from interpreterd.settings import Settings

StartDaemon = Callable[..., Awaitable[Daemon]]
BODY_LIMIT_BYTES = 64 << 10
TAKE_CODE = ("execute", *CODE_LOOKS)


# The daemon's answers


async def test_every_answer_is_as_described_and_every_described_one_is_reached(
    start_daemon: StartDaemon, aiohttp_client: Any, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[Any] = set()
    flags = [
        "--max-contexts",
        "2",
        "--queue-limit",
        "1",
        "--body-limit-bytes",
        str(BODY_LIMIT_BYTES),
        "--body-timeout-s",
        "1",
    ]
    daemon = await start_daemon(*flags, "--python", sys.executable)
    async with Client(daemon.url) as client:
        walk = Walk(lambda method, path, **options: client.http.request(method, client.url + path, **options), seen)
        await strangers(walk)
        await bad_bodies(walk)
        await heads(client)
        await contexts(walk, tmp_path)
        await executions(walk, gate)
        await following(walk)
        await files(walk, tmp_path)
        await looks(walk, gate)
    keeper = await start_daemon("--state-dir", str(tmp_path / "state"), "--archive-after-s", "1000")
    async with Client(keeper.url) as client:
        await state(Walk(lambda method, path, **keys: client.http.request(method, client.url + path, **keys), seen))
    launcher = FakeLauncher()
    inside = await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))
    walk = Walk(inside.request, seen)
    with monkeypatch.context() as patch:
        await mistakes(walk, patch)
        await refused_files(walk, monkeypatch)
    await state_that_fails(walk, monkeypatch)
    await contexts_that_move(walk, monkeypatch)
    await looks_that_fail(walk, launcher, inside.app[MANAGER])
    await failures(walk, launcher, inside.app[MANAGER])
    assert seen == documented()


async def strangers(walk: Walk) -> None:
    for name in OPERATIONS:
        await walk(name, 403, headers={"Origin": "http://elsewhere.example"})


async def bad_bodies(walk: Walk) -> None:
    async def unfinished() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    for name in ("createContext", "changeContext", "execute", "answerInput", "answerCall", *WITH_BODY, *CODE_LOOKS):
        await walk(name, 408, "request_timeout", data=unfinished())
        await walk(name, 413, data=b" " * (BODY_LIMIT_BYTES + 1))
        await walk(name, 415, data=b"{}", headers={"Content-Encoding": "gzip"})


async def heads(client: Client) -> None:
    for name in headed():
        _, path, _ = OPERATIONS[name]
        url = client.url + path.format(id="nobody", path="file", call="1")
        async with client.http.get(url) as got, client.http.head(url) as response:
            assert (response.status, await response.read()) == (got.status, b"")
            changes = path.endswith(("/stats", "/metrics"))  # from request to request, and so its length
            names = ("Content-Type",) if changes else ("Content-Type", "Content-Length")
            assert [response.headers[key] for key in names] == [got.headers[key] for key in names]


async def contexts(walk: Walk, tmp_path: Path) -> None:
    for name in ("getHealth", "getLiveness", "getReadiness", "getVersion", "getOpenapi", "getAsyncapi"):
        await walk(name, 200)
    keys = {"cwd": str(tmp_path), "limits": {"processes": 9, "cpuSeconds": 9}, "metadata": {"owner": "ada"}}
    for media in ("text/plain", "application/openmetrics-text"):
        await walk("getMetrics", 200, headers={"Accept": media})
    context = await walk("createContext", 200, json=keys)
    await walk("getStats", 200, id=context["id"])
    await walk("listStats", 200)
    await walk("createContext", 400, "malformed_request", data=b"{")
    await walk("createContext", 400, "invalid_request", json={"preload": ["nowhere"]})
    await walk("createContext", 400, "unsupported_language", json={"language": "ruby"})
    await walk("createContext", 400, "invalid_cwd", json={"cwd": "nowhere"})
    await walk("execute", 200, json={"code": "pass"})
    await walk("createContext", 503, "limit_reached")
    for name in ("listContexts", "listCreatedContexts"):
        assert [it["id"] for it in (await walk(name, 200, query="?label=owner=ada"))["contexts"]] == [context["id"]]
        await walk(name, 400, query="?label=owner")
        await walk(name, 400, query="?usage=much")
        await walk(name, 404, query="?after=nobody")
    await walk("changeContext", 400, "malformed_request", data=b"{")
    await walk("changeContext", 400, "invalid_request", json={"metadata": {"": "x"}})
    for name in (
        "getContext",
        "getStats",
        "changeContext",
        "interruptContext",
        "restartContext",
        "listExecutions",
        "deleteContext",
    ):
        await walk(name, 404)
        await walk(name, 200, id=context["id"])
    await walk("getContext", 400, id="default", query="?usage=1")
    await walk("getContext", 404, query="?usage=true")
    for context in (await walk("listContexts", 200, query="?usage=true"))["contexts"]:
        assert context["usage"]["processes"] == 1
        assert (await walk("getContext", 200, id=context["id"], query="?usage=true"))["usage"]["memoryBytes"] > 1 << 20
    await walk("restartContext", 400, id="default", query="?cancelQueued=maybe")
    await walk("deleteContext", 400, id="default")


async def executions(walk: Walk, gate: Gate) -> None:
    for form in ("application/json", "application/x-ndjson", "text/event-stream"):
        code = "import sys\nprint('é')\nsys.stderr.write('x')\n1/0"
        await walk("execute", 200, json={"code": code}, headers={"Accept": form})
    runs = await walk("execute", 202, json={"code": gate.wait, "background": True, "origin": "ada"})
    waits = await walk("execute", 202, json={"code": "pass", "background": True})
    await walk("execute", 503, "limit_reached", json={"code": "pass"})
    assert [it["state"] for it in (await walk("listExecutions", 200, id="default"))["executions"]][:2] == [
        "running",
        "queued",
    ]
    await walk("listExecutions", 404, "execution_not_found", id="default", query="?after=nobody")
    for execution in (runs, waits):
        await walk("getExecution", 200, id=execution["id"])
    did = [(await walk("interruptExecution", 200, id=execution["id"]))["did"] for execution in (waits, runs)]
    assert did == ["cancelled", "interrupting"]
    await walk("followExecution", 200, id=runs["id"])
    for execution in (runs, waits):
        assert (await walk("getExecution", 200, id=execution["id"]))["outcome"] is not None
        assert (await walk("interruptExecution", 200, id=execution["id"]))["did"] == "idle"
    await walk("execute", 400, "malformed_request", json=[])
    await walk("execute", 400, "invalid_request", json={"code": ""})
    await walk("execute", 404, json={"code": "pass", "contextId": "nobody"})
    await walk("execute", 406, json={"code": "pass"}, headers={"Accept": "image/png"})
    assert (await walk("answerInput", 200, id=runs["id"], json={"text": "x"}))["did"] == "idle"
    await walk("answerInput", 400, id=runs["id"], json={"text": 7})
    await calls(walk)
    for name in ("getExecution", "interruptExecution", "listCalls"):
        await walk(name, 404)
    await walk("answerInput", 404, json={})
    for name in ("openExecute", "openSession"):
        await walk(name, 101, headers=WEBSOCKET)
        await walk(name, 426)


async def following(walk: Walk) -> None:
    context = await walk("createContext", 200)
    result = await walk("execute", 200, json={"code": "print(1)", "contextId": context["id"]})
    for name, existing in (("followExecution", result["executionId"]), ("followContext", context["id"])):
        await walk(name, 101, id=existing, headers=WEBSOCKET)
        await walk(name, 400, id=existing, query="?from=first")
        await walk(name, 400, id=existing, query="?from=first", headers={"Last-Event-ID": "0"})
        await walk(name, 400, id=existing, headers={"Last-Event-ID": "last"})
        await walk(name, 404)
        await walk(name, 406, id=existing, headers={"Accept": "application/json"})
        await walk(name, 426, id=existing, headers={"Upgrade": "websocket"})
    for form in ("application/x-ndjson", "text/event-stream"):
        assert await walk("followExecution", 200, id=result["executionId"], headers={"Accept": form})
    seen_all = {"Accept": "text/event-stream", "Last-Event-ID": "99"}
    await walk("followExecution", 204, id=result["executionId"], headers=seen_all)

    async def happen() -> None:
        await walk("execute", 200, json={"code": "1/0", "contextId": context["id"]})
        await walk("restartContext", 200, id=context["id"])
        await walk("execute", 200, json={"code": "print(1)", "contextId": context["id"]})
        await walk("deleteContext", 200, id=context["id"])

    async def follow_too() -> None:
        await walk("followContext", 200, id=context["id"], meanwhile=happen, headers={"Accept": "text/event-stream"})

    events = await walk("followContext", 200, id=context["id"], meanwhile=follow_too)
    assert {event["type"] for event in events} == {"submitted", "control", "stdout", "error", "workerEnded"}


def too_much(request: web.Request) -> Any:
    raise LimitReached("too many large requests at the same time")


async def mistakes(walk: Walk, patch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **keys: Any) -> Any:
        raise ZeroDivisionError

    for name in ("change", "create", "delete", "existing", "get", "list"):
        patch.setattr(Manager, name, fail)
    patch.setattr(Executions, "get", fail)
    patch.setattr(FakeLauncher, "describe_python", fail)
    with patch.context() as full:
        full.setattr(bodies, "receiving", too_much)
        for name in ("createContext", "changeContext", "execute", "answerInput", "answerCall", *WITH_BODY, *CODE_LOOKS):
            await walk(name, 503, "limit_reached", data=b"{}")
    for name, (_, _, operation) in OPERATIONS.items():
        if "500" in operation["responses"] and name not in (*TURNS, *OTHERS):
            body = {"code": "pass"} if name in TAKE_CODE else {"value": 1} if name == "answerCall" else None
            await walk(name, 500, "internal_error", **({} if body is None else {"json": body}))


async def failures(walk: Walk, launcher: FakeLauncher, manager: Manager) -> None:
    contexts = [(await walk("createContext", 200))["id"] for _ in range(2)]
    launcher.failure = WorkerStartFailed("python3 not found")
    await walk("getVersion", 200)
    await walk("getReadiness", 503)  # nothing has begun to listen
    await walk("createContext", 500, "worker_start_failed")
    await walk("restartContext", 500, "worker_start_failed", id=contexts[0])
    launcher.failure = OutOfResources("too many open files")
    await walk("createContext", 503, "out_of_resources")
    await walk("restartContext", 503, "out_of_resources", id=contexts[0])
    launcher.failure = None
    ends: list[tuple[int, str, Callable[[], Awaitable[Any]]]] = [
        (410, "context_deleted", lambda: walk("deleteContext", 200, id=contexts[0])),
        (503, "shutting_down", manager.close),
    ]
    for context, (status, code, end) in zip(contexts, ends, strict=True):
        launcher.gate.clear()
        launcher.asked.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(walk("restartContext", status, code, id=context))
            await launcher.asked.wait()
            await end()
    await walk("createContext", 503, "shutting_down")
    for name in ("execute", *LOOKS):
        await walk(
            name, 503, "shutting_down", id="default", **({"json": {"code": "pass"}} if name in TAKE_CODE else {})
        )


# A program that knows only the document tests the daemon

SETUP = """
[checks]
# Also a request in order may be refused: a directory is not there, the default context stays, a context allows less.
positive_data_acceptance.enabled = false
# A limit may be reached.
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
"""


@pytest.mark.timeout(180)  # another program sends 500 requests, perhaps on a busy machine
async def test_a_tester_that_reads_the_document_finds_no_fault(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon("--max-contexts", "40", "--grace-s", "0.2")
    (tmp_path / "schemathesis.toml").write_text(SETUP)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{daemon.url}/openapi.json", "--url", daemon.url]
    # A context's events do not end.
    # A path with two names, and headers: many examples are no URL.
    options = [
        "--suppress-health-check",
        "filter_too_much",
        "--exclude-operation-id",
        "followContext",
        "--max-examples",
        "5",
        "--phases",
        "coverage,fuzzing",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, *options, "--no-color", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"Tested: 49" in output
