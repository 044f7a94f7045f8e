"""Executions over plain HTTP: ``POST /process/interpreter/execute``, and the routes of an execution."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from following import ACCEPT, ended, following, messages, stdout_of, until
from harness import Client, Daemon, Gate
from posting import interrupt, post, show, start, states, wait

from interpreterd.dialects.native.collected import OUTPUT_LIMIT_BYTES

StartDaemon = Callable[..., Awaitable[Daemon]]


# One JSON object


async def test_one_object_says_it_all(client: Client) -> None:
    code = "import os, sys\nprint('ä' * 3)\nprint('b', file=sys.stderr)\nprint(os.environ['NAME'])\n1/0"
    body = await post(client, code, envs={"NAME": "Ada"}, origin="curl")
    error = body.pop("error")
    execution_id = body.pop("executionId")
    assert body == {
        "contextId": "default",
        "outcome": "completed",
        "stdout": "äää\nAda\n",
        "stderr": "b\n",
        "results": [],
        "cutBytes": 0,
    }
    assert (error["name"], error["value"]) == ("ZeroDivisionError", "division by zero")
    assert error["traceback"].startswith("Traceback")
    shown = await show(client, execution_id)
    assert (shown["state"], shown["outcome"], shown["error"]) == ("completed", "completed", error)
    assert (shown["firstLine"], shown["origin"]) == ("import os, sys", "curl")
    assert (shown["stdoutChars"], shown["stderrChars"]) == (8, 2)
    assert shown["createdAt"] <= shown["startedAt"] <= shown["finishedAt"]


async def test_state_stays_and_contexts_are_chosen(client: Client) -> None:
    context = await client.create()
    await post(client, "x = 20")
    await post(client, "x = 30", contextId=context)
    assert (await post(client, "print(x)"))["stdout"] == "20\n"
    assert (await post(client, "print(x)", contextId=context))["stdout"] == "30\n"


async def test_how_it_ended_is_told_in_the_body(client: Client) -> None:
    timeout = await post(client, "while True: pass", timeout=1)
    assert (timeout["outcome"], timeout["error"]["name"]) == ("interrupted", "TimeoutError")
    died = await post(client, "import os; os._exit(3)")
    assert (died["outcome"], died["error"]["name"], died["error"]["value"]) == ("lost", "WorkerDied", "exit status 3")
    fine = await post(client, "pass")
    assert (fine["outcome"], fine["error"]) == ("completed", None)


async def test_a_deleted_context_is_told_in_the_body_and_can_be_looked_up(client: Client) -> None:
    context = await client.create()
    async with following(client, f"/context/{context}/events", "ndjson") as events:
        runs, waits = (asyncio.create_task(post(client, "while True: pass", contextId=context)) for _ in range(2))
        await until(events, "queued")
        await client.request("DELETE", f"/context/{context}")
    bodies = await asyncio.gather(runs, waits)
    assert sorted(body["outcome"] for body in bodies) == ["cancelled", "lost"]
    for body in bodies:
        assert body["error"] == {"name": "ContextError", "value": f"context deleted: {context}", "traceback": ""}
        assert (await show(client, body["executionId"]))["state"] == body["outcome"]
        assert (await client.request("POST", f"/executions/{body['executionId']}/interrupt"))[1]["did"] == "idle"
        assert ended(await wait(client, body["executionId"]))


async def test_output_beyond_the_limit_is_cut_and_says_how_much(client: Client) -> None:
    body = await post(client, f"print('é' * {OUTPUT_LIMIT_BYTES // 2} + 'end')")
    marker = "\n[output limit of 10 MiB reached: 4 more bytes were cut]\n"
    assert body["stdout"] == "é" * (OUTPUT_LIMIT_BYTES // 2) + marker
    assert (body["stderr"], body["cutBytes"]) == ("", 4)


async def test_input_fails_at_once_whatever_the_client_asks_for(client: Client) -> None:
    assert (await post(client, "input()", stdin=True))["error"]["name"] in ("EOFError", "StdinNotImplementedError")


async def test_what_is_refused_before_it_is_queued(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--body-limit-bytes", "5000")
    async with Client(daemon.url) as client:
        for data, status, code, says in [
            ("nonsense", 400, "malformed_request", "JSON"),
            ("[]", 400, "malformed_request", "object"),
            ("", 400, "invalid_request", "code must not be empty"),
            ('{"code": 1}', 400, "malformed_request", "code must be a string"),
            ('{"code": "1", "background": 1}', 400, "malformed_request", "background must be true or false"),
            ('{"code": "1", "onDisconnect": "fly"}', 400, "invalid_request", "continue, interrupt"),
            ('{"code": "1", "contextId": "nobody"}', 404, "context_not_found", "Context not found: nobody"),
            ('{"code": "' + "#" * 5000 + '"}', 413, "body_too_large", "5000"),
        ]:
            for accept in ("*/*", *ACCEPT.values()):
                answer, body = await client.request("POST", "/execute", data=data, headers={"Accept": accept})
                assert (answer, body["code"]) == (status, code), data
                assert says in body["error"]
        accept = {"Accept": "text/html, application/json;q=0"}
        status, body = await client.request("POST", "/execute", data='{"code": "1"}', headers=accept)
        assert (status, body["code"]) == (406, "not_acceptable")
        assert "application/x-ndjson" in body["error"]
        assert (await client.request("GET", "/contexts"))[1] == {"contexts": []}


async def test_a_full_queue_refuses(client: Client) -> None:
    context = await client.create(limits={"queued": 1})
    for _ in range(2):
        await start(client, "while True: pass", contextId=context)
    status, body = await client.request("POST", "/execute", json={"code": "1", "contextId": context})
    assert (status, body["code"]) == (503, "limit_reached")
    assert len(await states(client, context)) == 2


# Events as they happen


@pytest.mark.parametrize("form", ["ndjson", "sse"])
async def test_events_come_as_they_happen(client: Client, gate: Gate, form: str) -> None:
    request = {"code": f"print('a', flush=True)\n{gate.wait}\nprint('b')"}
    async with client.http.post(client.base + "/execute", json=request, headers={"Accept": ACCEPT[form]}) as response:
        assert (response.status, response.content_type) == (200, ACCEPT[form])
        events = messages(response)
        seen = await until(events, "a\n")
        gate.open()
        seen += [message async for message in events]
    assert stdout_of(seen) == "a\nb\n"
    assert [message["seq"] for message in seen] == list(range(len(seen)))
    assert seen[-1]["text"] == "completed"
    (execution_id,) = {message["executionId"] for message in seen}
    assert await wait(client, execution_id) == seen


async def test_a_client_that_hangs_up_may_end_its_execution(client: Client) -> None:
    wishes = {choice: {"code": "while True: pass", "onDisconnect": choice} for choice in ("interrupt", "continue")}
    await post(client, "pass")
    async with following(client, "/context/default/events", "ndjson") as feed:
        for choice in ("interrupt", "continue"):
            headers = {"Accept": ACCEPT["sse"]}
            async with client.http.post(client.base + "/execute", json=wishes[choice], headers=headers) as response:
                execution_id = (await anext(messages(response)))["executionId"]
            seen = await until(feed, "interrupted" if choice == "interrupt" else "started")
            assert seen[-1]["executionId"] == execution_id
    assert await interrupt(client, execution_id) == {
        "interrupted": True,
        "did": "interrupting",
        "executionId": execution_id,
    }


# In the background


async def test_a_background_execution_answers_at_once_with_its_url(client: Client, gate: Gate) -> None:
    request = {"code": f"print('x' * 1000000)\n{gate.wait}\nprint('end')", "background": True}
    async with client.http.post(client.base + "/execute", json=request) as response:
        assert response.status == 202
        body = await response.json()
        url = response.headers["Location"]
    assert url == body["url"]
    assert client.url + url == f"{client.base}/executions/{body['id']}"
    gate.open()
    async with client.http.get(client.url + url + "/events") as response:
        seen = [message async for message in messages(response)]
    assert stdout_of(seen) == "x" * 1000000 + "\nend\n"
    async with client.http.get(client.url + url) as response:
        assert (await response.json())["state"] == "completed"


async def test_a_background_execution_is_answered_in_json_alone(own_client: Client) -> None:
    request = {"code": "pass", "background": True}
    headers = {"Accept": "text/event-stream"}
    assert (await own_client.request("POST", "/execute", json=request, headers=headers))[0] == 406
    assert (await own_client.request("GET", "/contexts"))[1] == {"contexts": []}


async def test_the_url_is_below_the_base_path_that_was_asked(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--base-path", "/proxied")
    async with Client(daemon.url + "/proxied") as client:
        request = {"code": "pass", "background": True}
        async with client.http.post(client.base + "/execute", json=request) as response:
            url = response.headers["Location"]
        assert url.startswith("/proxied/process/interpreter/executions/")
        async with client.http.get(daemon.url + url) as response:
            assert response.status == 200


# Interrupt, cancel, restart
