"""Executions over plain HTTP, over fake workers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.model.names import EVENT_STREAM, JSON, NATIVE_PATH, NDJSON

Open = Callable[..., Awaitable[Any]]


async def ask(client: Any, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    async with client.request(method, NATIVE_PATH + path, json=body, headers=headers) as response:
        return response.status, await response.json()


async def in_background(client: Any, code: str = "pass") -> str:
    status, body = await ask(client, "POST", "/execute", {"code": code, "background": True})
    assert status == 202
    return str(body["id"])


async def work(launcher: FakeLauncher) -> None:
    """Run the first execution: it writes one letter."""
    worker = await launcher.worker()
    run = await worker.run()
    worker.write("a")
    worker.done(run)


@pytest.mark.parametrize(("form", "count"), [(JSON, 1), (NDJSON, 4), (EVENT_STREAM, 8)])
async def test_an_execution_answers_in_the_form_that_is_asked_for(
    open_client: Open, launcher: FakeLauncher, form: str, count: int
) -> None:
    client = await open_client()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work(launcher))
        async with client.post(NATIVE_PATH + "/execute", json={"code": "x"}, headers={"Accept": form}) as response:
            lines = (await response.text()).split("\n")
            assert (response.status, response.content_type) == (200, form)
    assert len([line for line in lines if line]) == count


async def test_an_execution_in_the_background_has_a_place(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    path = NATIVE_PATH + "/execute"
    async with client.post(path, json={"code": "x = 1", "background": True}) as response:
        body = await response.json()
        assert (response.status, response.headers["Location"]) == (202, body["url"])
    await work(launcher)
    async with client.get(body["url"]) as response:
        shown = await response.json()
    assert (shown["id"], shown["state"], shown["firstLine"]) == (body["id"], "completed", "x = 1")


async def test_executions_are_interrupted_where_they_are(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    ids = [await in_background(client) for _ in range(3)]
    worker = await launcher.worker()
    run = await worker.run()
    assert (await ask(client, "POST", f"/executions/{ids[1]}/interrupt"))[1]["did"] == "cancelled"
    assert (await ask(client, "POST", f"/executions/{ids[0]}/interrupt"))[1]["did"] == "interrupting"
    worker.done(run)
    assert (await ask(client, "POST", f"/executions/{ids[1]}/interrupt"))[1] == {
        "interrupted": False,
        "did": "idle",
        "executionId": ids[1],
    }


async def test_a_list_goes_on_after_one(open_client: Open) -> None:
    client = await open_client()
    ids = [await in_background(client) for _ in range(3)]
    _, body = await ask(client, "GET", "/context/default/executions")
    assert [it["id"] for it in body["executions"]] == ids
    _, body = await ask(client, "GET", f"/context/default/executions?after={ids[1]}")
    assert [it["id"] for it in body["executions"]] == ids[2:]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/executions/unknown", "execution_not_found"),
        ("POST", "/executions/unknown/interrupt", "execution_not_found"),
        ("GET", "/executions/unknown/events", "execution_not_found"),
        ("GET", "/context/unknown/events", "context_not_found"),
        ("GET", "/context/unknown/executions", "context_not_found"),
    ],
)
async def test_what_is_not_there_is_not_found(open_client: Open, method: str, path: str, code: str) -> None:
    status, body = await ask(await open_client(), method, path)
    assert (status, body["code"]) == (404, code)


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [("", {}, 0), ("?from=2", {}, 2), ("?from=1", {"Last-Event-ID": "1"}, 2), ("", {"Last-Event-ID": "0"}, 1)],
)
async def test_events_begin_where_the_client_wants(
    open_client: Open, launcher: FakeLauncher, query: str, headers: dict[str, str], first: int
) -> None:
    client = await open_client()
    execution_id = await in_background(client)
    await work(launcher)
    path = f"{NATIVE_PATH}/executions/{execution_id}/events{query}"
    async with client.get(path, headers={"Accept": EVENT_STREAM, **headers}) as response:
        assert (await response.text()).startswith(f"id: {first}\n")


@pytest.mark.parametrize(
    ("query", "header"), [("?from=-1", None), ("?from=x", None), ("", "x"), ("?from=" + "1" * 16, None)]
)
async def test_the_number_of_an_event_is_a_number(open_client: Open, query: str, header: str | None) -> None:
    client = await open_client()
    execution_id = await in_background(client)
    headers = {} if header is None else {"Last-Event-ID": header}
    status, body = await ask(client, "GET", f"/executions/{execution_id}/events{query}", **headers)
    assert (status, body["code"]) == (400, "malformed_request")


async def test_a_client_that_goes_is_not_answered_and_its_execution_stays(
    open_client: Open, launcher: FakeLauncher
) -> None:
    client = await open_client()
    asking = asyncio.create_task(client.post(NATIVE_PATH + "/execute", json={"code": "pass"}))
    worker = await launcher.worker()
    run = await worker.run()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    worker.done(run)
    assert worker.calls.count("interrupt") == 0
    assert (await ask(client, "GET", f"/executions/{run.execution_id}"))[1]["state"] == "completed"
