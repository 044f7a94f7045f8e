"""Executions that a client or a restart interrupts or cancels, over plain HTTP."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from contract import submitted
from following import following, stdout_of, until
from harness import Client, Daemon
from posting import interrupt, post, show, start, states, wait

StartDaemon = Callable[..., Awaitable[Daemon]]


async def test_interrupting_an_execution_that_runs_or_waits_or_has_ended(own_client: Client) -> None:
    runs = await start(own_client, "print('here', flush=True)\nwhile True: pass")
    await wait(own_client, runs, "here\n")
    async with submitted(own_client, "pass") as waits:
        ids, listed = zip(*await states(own_client), strict=True)
        assert listed == ("running", "queued")
        assert await interrupt(own_client, ids[1]) == {"interrupted": True, "did": "cancelled", "executionId": ids[1]}
        assert await interrupt(own_client, ids[1]) == {"interrupted": False, "did": "idle", "executionId": ids[1]}
        told = await waits.finish()
    assert (told.error or {})["name"] == "KeyboardInterrupt"
    assert (told.controls, told.close_code) == (["interrupted"], 1000)
    assert (await show(own_client, ids[1]))["state"] == "cancelled"
    assert await interrupt(own_client, runs) == {"interrupted": True, "did": "interrupting", "executionId": runs}
    assert (await wait(own_client, runs))[-1]["text"] == "interrupted"
    assert await interrupt(own_client, runs) == {"interrupted": False, "did": "idle", "executionId": runs}
    assert (await own_client.request("POST", "/executions/nobody/interrupt"))[0] == 404
    assert (await post(own_client, "print('goes on')"))["stdout"] == "goes on\n"


async def test_a_grace_ends_what_ignores_interrupts(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--grace-s", "0.1")
    async with Client(daemon.url) as client:
        code = (
            "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('here', flush=True)\nwhile True: pass"
        )
        execution_id = await start(client, code)
        await wait(client, execution_id, "here\n")
        assert (await interrupt(client, execution_id))["did"] == "interrupting"
        assert (await wait(client, execution_id))[-1]["text"] == "interrupted"
        assert "variables are lost" in (await show(client, execution_id))["error"]["value"]


async def test_a_restart_loses_what_runs_and_keeps_what_waits(client: Client) -> None:
    await post(client, "x = 1")
    runs = await start(client, "print('here', flush=True)\nwhile True: pass")
    waits = await start(client, "print('x' in globals())")
    await wait(client, runs, "here\n")
    status, body = await client.request("POST", "/context/default/restart")
    assert (status, body["id"], body["active"]) == (200, "default", True)
    assert (body["lost"], body["cancelled"]) == ([runs], [])
    assert (await wait(client, runs))[-1]["text"] == "cancelled"
    assert (await show(client, runs))["error"]["value"] == "context restarted: default"
    seen = await wait(client, waits)
    assert stdout_of(seen) == "False\n"
    assert [message["text"] for message in seen if message["type"] == "control"][-2:] == ["restarted", "completed"]


async def test_a_restart_may_cancel_what_waits(client: Client) -> None:
    runs = await start(client, "print('here', flush=True)\nwhile True: pass")
    waits = [await start(client, "pass") for _ in range(2)]
    await wait(client, runs, "here\n")
    status, body = await client.request("POST", "/context/default/restart?cancelQueued=true")
    assert (status, body["lost"], body["cancelled"]) == (200, [runs], waits)
    assert {(await show(client, execution_id))["state"] for execution_id in waits} == {"cancelled"}
    assert (await client.request("POST", "/context/default/restart?cancelQueued=false"))[1]["cancelled"] == []


async def test_restarts_at_the_same_time_are_one(client: Client) -> None:
    pids = {(await post(client, "import os; print(os.getpid())"))["stdout"]}
    answers = await asyncio.gather(*(client.request("POST", "/context/default/restart") for _ in range(5)))
    assert {status for status, _ in answers} == {200}
    async with following(client, "/context/default/events", "ndjson") as feed:
        pids.add((await post(client, "import os; print(os.getpid())"))["stdout"])
        assert "restarted" in [message.get("text") for message in await until(feed, "completed")]
    assert len(pids) == 2


@pytest.mark.parametrize("query", ["cancelQueued=1", "cancelQueued="])
async def test_a_restart_that_cannot_be(client: Client, query: str) -> None:
    assert (await client.request("POST", "/context/nobody/restart"))[0] == 404
    await post(client, "x = 1")
    status, body = await client.request("POST", f"/context/default/restart?{query}")
    assert (status, body["code"]) == (400, "malformed_request")
    assert (await post(client, "print(x)"))["stdout"] == "1\n"


async def test_a_context_lists_what_runs_what_waits_and_the_latest_that_ended(client: Client) -> None:
    context = await client.create()
    done = [(await post(client, "pass", contextId=context))["executionId"] for _ in range(99)]
    assert [execution_id for execution_id, _ in await states(client, context)] == done[::-1]
    runs = await start(client, "while True: pass", contextId=context)
    waits = [await start(client, "pass", contextId=context) for _ in range(2)]
    listed = await states(client, context)
    assert listed[:3] == [(runs, "running"), (waits[0], "queued"), (waits[1], "queued")]
    assert [execution_id for execution_id, _ in listed[3:]] == done[:1:-1]
    assert len(listed) == 100
    assert await states(client, (await client.create())) == []
