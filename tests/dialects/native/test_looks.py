"""Looks through the routes, with a worker of the test; ``tests/daemon/test_looks.py`` has those of a real one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.model.looks import Completeness, Completions
from interpreterd.model.names import NATIVE_PATH
from interpreterd.pipe.messages import Done, Run
from interpreterd.settings import Settings

DONE = Completeness(status="complete")


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Any:
    return await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))


async def ask(client: Any, context: str) -> tuple[int, Any]:
    async with client.post(f"{NATIVE_PATH}/context/{context}/isComplete", json={"code": "x"}) as response:
        return response.status, await response.json()


async def test_a_look_is_an_execution_of_which_no_other_client_is_told(client: Any, launcher: FakeLauncher) -> None:
    async with client.post(NATIVE_PATH + "/context", json={}) as response:
        context = await response.json()
    worker = await launcher.worker()
    asked = asyncio.create_task(ask(client, context["id"]))
    run = await worker.run()
    async with client.get(f"{NATIVE_PATH}/context/{context['id']}") as response:
        assert (await response.json())["state"] == "busy"
    async with client.get(f"{NATIVE_PATH}/context/{context['id']}/executions") as response:
        assert (await response.json())["executions"] == []
    worker.say(Done(execution_id=run.execution_id, found=DONE))
    assert await asked == (200, {"status": "complete", "indent": ""})
    async with client.get(f"{NATIVE_PATH}/context/{context['id']}") as response:
        after = await response.json()
    assert (after["executionCount"], after["lastUsedAt"], after["state"]) == (0, context["lastUsedAt"], "idle")


async def test_an_answer_of_another_kind_is_none(client: Any, launcher: FakeLauncher) -> None:
    async with client.post(NATIVE_PATH + "/context", json={}) as response:
        context = (await response.json())["id"]
    worker = await launcher.worker()
    for found in (None, Completions(cursor_start=0, cursor_end=0)):
        asked = asyncio.create_task(ask(client, context))
        run = await worker.run()
        worker.say(Done(execution_id=run.execution_id, found=found))
        status, body = await asked
        assert (status, body["code"]) == (422, "look_failed")


async def test_a_client_that_disconnects_ends_its_look(client: Any, launcher: FakeLauncher) -> None:
    async with client.post(NATIVE_PATH + "/context", json={}) as response:
        context = (await response.json())["id"]
    worker = await launcher.worker()
    asked = asyncio.create_task(ask(client, context))
    run: Run = await worker.run()
    asked.cancel()
    await worker.interrupted.wait()
    worker.done(run)
