"""``"events": "v2"`` on the WebSocket for one execution, and what clients see that do not ask for it."""

from contract import COMPLETED, ended, error, stdout
from harness import Client


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
