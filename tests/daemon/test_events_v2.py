"""``"events": "v2"`` on the WebSocket for one execution; clients that do not ask for it see no difference."""

import pytest
from contract import COMPLETED, ended, error, stdout
from following import following, messages
from harness import Client
from on_session import open_session


async def test_v2_announces_the_execution_and_numbers_its_events(client: Client) -> None:
    result = await client.run("print('a')\n1/0", events="v2")
    first, *_ = result.messages
    assert first["type"] == "control"
    assert first["text"] in ("queued", "started")
    assert {message["executionId"] for message in result.messages} == {first["executionId"]}
    assert [message["seq"] for message in result.messages] == list(range(len(result.messages)))
    assert [control for control in result.controls if control != "queued"] == ["started", "completed"]
    assert (result.stdout, result.close_code) == ("a\n", 1000)
    shown = (await client.request("GET", f"/executions/{first['executionId']}"))[1]
    assert (shown["state"], shown["events"]) == ("completed", len(result.messages))


async def test_v2_tells_one_that_waits_that_it_does(client: Client) -> None:
    async with client.running("while True: pass", events="v2") as runs:
        while "started" not in runs.result.controls:
            await runs.next()
        async with client.running("pass", events="v2") as waits:
            queued = await waits.next()
            assert (queued["text"], queued["ahead"], queued["seq"]) == ("queued", 1, 0)
            await client.request("POST", f"/executions/{queued['executionId']}/interrupt")
            told = await waits.finish()
        assert (told.controls, told.close_code) == (["queued", "cancelled"], 1000)
        await client.request("POST", f"/executions/{runs.result.messages[0]['executionId']}/interrupt")
        assert (await runs.finish()).controls[-1] == "interrupted"


ENDS = {
    "1/0": ("completed", "completed", None),
    "import os; os._exit(3)": ("completed", "lost", None),
    "while True: pass": ("interrupted", "interrupted", "execution_timed_out"),
}


@pytest.mark.parametrize("code", ENDS)
async def test_the_last_event_says_how_it_ended_and_why(client: Client, code: str) -> None:
    context = await client.create()
    wish = {"code": code, "contextId": context, "timeout": 1}
    async with following(client, f"/context/{context}/events", "ndjson") as happens:
        headers = {"Accept": "application/x-ndjson"}
        async with client.http.post(client.base + "/execute", json=wish, headers=headers) as response:
            last = [message async for message in messages(response)][-1]
        told = [await anext(message async for message in happens if "outcome" in message)]
    async with following(client, f"/executions/{last['executionId']}/events", "sse") as replay:
        told.append([message async for message in replay][-1])
    for message in (last, *told):
        assert (message["text"], message["outcome"], message["code"]) == ENDS[code]
    shown = (await client.request("GET", f"/executions/{last['executionId']}"))[1]
    assert shown["outcome"] == last["outcome"]


async def test_what_ends_with_its_context_says_so_on_every_way(client: Client) -> None:
    context = await client.create()
    async with open_session(client) as session:
        for request_id in ("runs", "waits"):
            await session.send(op="execute", requestId=request_id, code="while True: pass", contextId=context)
        await session.wait("runs", "started")
        async with client.running("pass", contextId=context, events="v2") as waits:
            assert (await waits.next() or {})["text"] == "queued"
            await client.request("DELETE", f"/context/{context}")
            last = (await waits.finish()).messages[-1]
            assert (last["text"], last["outcome"], last["code"]) == ("cancelled", "cancelled", "context_deleted")
        for request_id, outcome in (("runs", "lost"), ("waits", "cancelled")):
            last = (await session.wait(request_id))[-1]
            assert (last["text"], last["outcome"], last["code"]) == ("cancelled", outcome, "context_deleted")


async def test_v1_is_exactly_as_before(client: Client) -> None:
    context = await client.create()
    keys = {"context": context, "origin": "ada", "onDisconnect": "interrupt"}
    assert ended(await client.run("print('a')", **keys)) == ([stdout("a\n"), COMPLETED], 1000, "")
    explicit = await client.run("import os; os._exit(3)", events="v1", **keys)
    assert ended(explicit) == ([error("WorkerDied", "exit status 3"), COMPLETED], 1000, "")


async def test_unknown_versions_are_refused(client: Client) -> None:
    result = await client.run("pass", events="v3")
    assert (result.messages, result.close_code) == ([], 1008)
    assert "events must be one of v1, v2" in result.close_reason
