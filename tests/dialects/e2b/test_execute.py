"""``POST /execute``, over fake workers."""

import asyncio
import json
from typing import Any

import pytest
from fake_worker import FakeLauncher, FakeWorker

from interpreterd.dialects.e2b import execute
from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.pipe.messages import Run

ENVS = {"A": "1", "B": "2"}


async def ran(e2b: Any, launcher: FakeLauncher, body: Any, path: str = "/execute") -> tuple[Run, list[Any]]:
    """Run code that writes a line; return what the worker got, and the lines of the answer."""

    async def work() -> Run:
        worker = await launcher.worker()
        run = await worker.run()
        worker.write("a\n")
        worker.done(run)
        return run

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        async with e2b.post(path, json=body) as response:
            assert response.status == 200
            lines = [json.loads(line) for line in (await response.text()).splitlines()]
    return working.result(), lines


@pytest.mark.parametrize("path", ["/execute", "/below/execute"])
async def test_code_answers_with_lines(e2b: Any, launcher: FakeLauncher, path: str) -> None:
    run, lines = await ran(e2b, launcher, {"code": "  x", "env_vars": {"A": "'"}}, path)
    assert (run.code, run.envs) == ("  x", {"A": "'"})
    assert [line["type"] for line in lines] == ["number_of_executions", "stdout", "end_of_execution"]


async def test_an_unknown_context_is_named(e2b: Any) -> None:
    async with e2b.post("/execute", json={"code": "x", "context_id": "nope"}) as response:
        assert (response.status, await response.text()) == (404, "Context nope not found")


async def test_silence_has_signs_of_life(e2b: Any, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "KEEPALIVE_S", 0.01)
    async with e2b.post("/execute", json={"code": "x"}) as response:
        worker: FakeWorker = await launcher.worker()
        run = await worker.run()
        lines = [await response.content.readline() for _ in range(3)]
        worker.done(run)
        await response.read()
    assert b"number_of_executions" in lines[0]
    assert lines[1:] == [b'{"type": "keepalive"}\n'] * 2


async def test_a_client_that_goes_interrupts(e2b: Any, launcher: FakeLauncher) -> None:
    response = await e2b.post("/execute", json={"code": "x"})
    worker = await launcher.worker()
    await worker.run()
    response.close()
    await worker.interrupted.wait()


async def test_the_variables_of_the_sandbox_are_set_too(
    e2b: Any, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sandbox, "__init__", lambda self, service: vars(self).update(service=service, envs=ENVS))
    run, _ = await ran(e2b, launcher, {"code": "x", "env_vars": {"A": "its own"}})
    assert run.envs == {"A": "its own", "B": "2"}
