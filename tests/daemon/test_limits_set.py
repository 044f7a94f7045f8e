"""Limits of output, queue and code, and where all limits are set and shown."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from contract import COMPLETED, ended, stdout, submitted
from harness import Client, Daemon, Gate

MIB = 1 << 20
StartDaemon = Callable[..., Awaitable[Daemon]]


async def test_output_is_cut_and_the_program_goes_on(client: Client) -> None:
    context = await client.create(limits={"outputBytes": 4 * MIB})
    result = await client.run("print('x' * (5 << 20)); done = True; 1 / 0", context)
    assert len(result.stdout) > 4 * MIB
    assert result.stdout.strip("x") == f"\n[output limit of 4 MiB reached: {MIB + 1} more bytes were cut]\n"
    assert [message["type"] for message in result.messages[-3:]] == ["stdout", "error", "control"]
    assert ended(await client.run("print(done)", context)) == ([stdout("True\n"), COMPLETED], 1000, "")


async def test_both_streams_count_as_utf8_and_no_character_is_cut(client: Client) -> None:
    context = await client.create(limits={"outputBytes": 10})
    result = await client.run("import sys; print('ééé'); print('é€', file=sys.stderr); print('more')", context)
    assert result.stdout == "ééé\n"
    assert result.stderr == "é\n[output limit of 10 bytes reached: 9 more bytes were cut]\n"


async def test_the_limit_itself_is_not_beyond_it(client: Client) -> None:
    context = await client.create(limits={"outputBytes": 10})
    assert ended(await client.run("print('123456789')", context)) == ([stdout("123456789\n"), COMPLETED], 1000, "")


async def test_a_queue_may_be_shorter_than_others(client: Client, gate: Gate) -> None:
    context = await client.create(limits={"queued": 1})
    async with (
        submitted(client, gate.wait, contextId=context) as first,
        submitted(client, "pass", contextId=context) as second,
    ):
        refused = await client.run("pass", context)
        assert ended(refused) == ([], 1008, "the context's queue is full: its limit is 1 executions")
        gate.open()
        assert ended(await first.finish())[1] == ended(await second.finish())[1] == 1000


@pytest.mark.parametrize(("code", "taken"), [("x" + "=" + "1" * 8, True), ("x=" + "1" * 9, False), ("'ééé€'", False)])
async def test_code_that_is_too_long_is_refused(client: Client, code: str, taken: bool) -> None:
    context = await client.create(limits={"codeBytes": 10})
    result = await client.run(code, context)
    if taken:
        assert ended(result) == ([COMPLETED], 1000, "")
    else:
        assert ended(result) == ([], 1008, "code must be at most 10 bytes long")
    async with client.http.ws_connect(client.base + "/session") as socket:
        await socket.send_json({"op": "execute", "requestId": "a", "code": code, "contextId": context})
        messages = [await socket.receive_json() for _ in range(2)]
    if not taken:
        assert [message.get("code") for message in messages] == ["invalid_request", None]
        assert messages[1]["text"] == "refused"


async def test_a_context_without_limits_shows_none(client: Client) -> None:
    status, body = await client.request("POST", "/context", json={"limits": {}})
    assert status == 200
    assert "limits" not in body


async def test_limits_of_the_daemon_tightened_by_a_context(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--context-memory", "1G", "--context-cpu-s", "2.5", "--code-limit-bytes", "1K")
    async with Client(daemon.url) as client:
        await client.run("pass")
        daemons = {"memoryBytes": 1 << 30, "cpuSeconds": 2.5, "codeBytes": 1024}
        status, body = await client.request("GET", "/context/default")
        assert body["limits"] == daemons
        tighter = {"memoryBytes": 512 * MIB, "outputBytes": 5, "queued": 7, "processes": None}
        status, body = await client.request("POST", "/context", json={"limits": tighter})
        assert status == 200
        shown = daemons | {"memoryBytes": 512 * MIB, "outputBytes": 5, "queued": 7}
        assert body["limits"] == shown
        _, listed = await client.request("GET", "/context")
        assert [context["limits"] for context in listed["contexts"]] == [shown]
        status, body = await client.request("POST", "/context", json={"limits": {"memoryBytes": (1 << 30) + 1}})
        assert (status, body["code"]) == (400, "invalid_request")
        assert body["error"] == "limits.memoryBytes must be at most 1073741824, the daemon's limit"


LOOSER: list[tuple[dict[str, Any], str]] = [
    ({"queued": 1025}, "limits.queued must be at most 1024, the daemon's limit"),
    ({"processes": 0}, "limits.processes must be at least 1"),
    ({"memoryBytes": 1}, "limits.memoryBytes must be at least 16777216"),
]


@pytest.mark.parametrize(("limits", "reason"), LOOSER)
async def test_a_limit_that_cannot_be_makes_no_context(own_client: Client, limits: dict[str, Any], reason: str) -> None:
    status, body = await own_client.request("POST", "/context", json={"limits": limits})
    assert (status, body["code"]) == (400, "invalid_request")
    assert body["error"].startswith(reason)
    assert (await own_client.request("GET", "/contexts"))[1] == {"contexts": []}
