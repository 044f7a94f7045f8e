"""``POST /code`` and ``DELETE /code``, over fake workers."""

import asyncio
import json
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.dialects.opensandbox import code


def frames(text: str) -> list[dict[str, Any]]:
    return [json.loads(part) for part in text.split("\n\n") if part]


@pytest.mark.parametrize("base", ["", "/below"])
async def test_code_answers_with_frames(box: Any, launcher: FakeLauncher, base: str) -> None:
    async def work() -> None:
        worker = await launcher.worker()
        run = await worker.run()
        worker.write("a\n")
        worker.done(run)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
        async with box.post(base + "/code", json={"code": "x", "context": {"language": "python"}}) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            told = frames(await response.text())
    kinds = ["init", "ping", "status", "execution_count", "stdout", "status", "execution_complete"]
    assert [frame["type"] for frame in told] == kinds


async def test_silence_has_pings(box: Any, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "PING_S", 0.01)
    async with box.post("/code", json={"code": "x"}) as response:
        worker = await launcher.worker()
        run = await worker.run()
        pings = 0
        while pings < 3:
            pings += b'"ping"' in await response.content.readline()
        worker.done(run)
        await response.read()


async def test_a_client_that_goes_interrupts(box: Any, launcher: FakeLauncher) -> None:
    response = await box.post("/code", json={"code": "x"})
    worker = await launcher.worker()
    await worker.run()
    response.close()
    await worker.interrupted.wait()


@pytest.mark.parametrize("by", ["execution", "context"])
async def test_an_interrupt_is_by_the_id_of_the_execution_or_of_its_context(
    box: Any, launcher: FakeLauncher, by: str
) -> None:
    async with box.post("/code", json={"code": "x"}) as response:
        worker = await launcher.worker()
        run = await worker.run()
        init = json.loads(await response.content.readline())
        wanted = init["text"] if by == "execution" else "default"
        async with box.delete("/code", params={"id": wanted}) as answer:
            assert answer.status == 200
        await worker.interrupted.wait()
        worker.done(run)
        await response.read()


async def test_what_cannot_be_interrupted_or_run_is_told(box: Any) -> None:
    for method, path, body, status, wrong in (
        ("DELETE", "/code", None, 400, "MISSING_QUERY"),
        ("DELETE", "/code?id=nothing", None, 404, "CONTEXT_NOT_FOUND"),
        ("POST", "/code", {"code": "x", "context": {"id": "nothing"}}, 404, "CONTEXT_NOT_FOUND"),
        ("POST", "/code", {"code": "x", "context": {"language": "go"}}, 400, "NOT_SUPPORTED"),
        ("POST", "/code", [], 400, "INVALID_REQUEST_BODY"),
    ):
        async with box.request(method, path, json=body) as response:
            assert (response.status, (await response.json())["code"]) == (status, wrong), path
