"""Executions that a client can follow again later, and contexts with many followers."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from following import TRANSPORTS, ended, following, stdout_of, until
from harness import Client, Daemon, Gate

StartDaemon = Callable[..., Awaitable[Daemon]]
DROPS = 200


async def start(client: Client, code: str, **keys: Any) -> str:
    """Start an execution in the background; return its id."""
    status, body = await client.request("POST", "/execute", json={"code": code, "background": True, **keys})
    assert status == 202, body
    return str(body["id"])


async def replay(client: Client, path: str, transport: str = "ndjson", start: int = 0) -> list[dict[str, Any]]:
    async with following(client, path, transport, start) as events:
        return [message async for message in events]


async def test_a_client_that_comes_back_sees_every_event_exactly_once(client: Client, gate: Gate) -> None:
    lines = 2 * DROPS
    execution_id = await start(client, f"for i in range({lines}):\n    {gate.wait}\n    print(i)")
    path = f"/executions/{execution_id}/events"
    seen: list[dict[str, Any]] = []
    released = 0
    for _ in range(DROPS):
        for _ in range(random.randint(0, min(3, lines - released))):
            gate.open()
            released += 1
        wanted = random.randint(stdout_of(seen).count("\n"), released)
        async with following(client, path, random.choice(TRANSPORTS), len(seen)) as events:
            while stdout_of(seen).count("\n") < wanted:
                seen.append(await anext(events))
    for _ in range(lines - released):
        gate.open()
    seen += await replay(client, path, start=len(seen))
    assert ended(seen)
    assert [message["seq"] for message in seen] == list(range(len(seen)))
    assert stdout_of(seen) == "".join(f"{number}\n" for number in range(lines))
    for transport in TRANSPORTS:
        assert await replay(client, path, transport) == seen


async def test_dropped_events_are_a_gap(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--journal-bytes", "4K")
    async with Client(daemon.url) as client:
        code = "import sys\nfor i in range(99): print(i, file=(sys.stdout, sys.stderr)[i % 2])\nprint('x' * 9999)"
        body = (await client.request("POST", "/execute", json={"code": code}))[1]
        execution_id = body["executionId"]
        shown = (await client.request("GET", f"/executions/{execution_id}"))[1]
        first, events = shown["firstEvent"], shown["events"]
        for transport in TRANSPORTS:
            gap, *rest = await replay(client, f"/executions/{execution_id}/events", transport)
            said = {"type": "gap", "first": 0, "last": first - 1}
            assert gap == said | {"executionId": execution_id, "seq": first - 1}
            assert [message["seq"] for message in rest] == list(range(first, events))
            assert rest[-1]["text"] == "completed"
            assert await replay(client, f"/executions/{execution_id}/events", transport, start=first) == rest


async def test_an_event_source_that_has_seen_all_is_told_not_to_come_back(client: Client) -> None:
    body = (await client.request("POST", "/execute", json={"code": "pass"}))[1]
    url = f"{client.base}/executions/{body['executionId']}/events"
    last = (await replay(client, f"/executions/{body['executionId']}/events"))[-1]["seq"]
    for seen, status in ((last, 204), (last - 1, 200)):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seen)}
        async with client.http.get(url, headers=headers) as response:
            assert response.status == status
    assert await replay(client, f"/executions/{body['executionId']}/events", start=last + 1) == []


async def test_a_silent_stream_says_now_and_then_that_it_lives(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--heartbeat-s", "1")
    async with Client(daemon.url) as client:
        await client.run("pass")
        headers = {"Accept": "text/event-stream"}
        async with client.http.get(client.base + "/context/default/events", headers=headers) as response:
            assert await response.content.readline() == b":\n"
            assert await response.content.readline() == b"\n"
            assert await response.content.readline() == b":\n"


async def test_what_cannot_be_followed(client: Client) -> None:
    await client.run("pass")
    for path, status, code in [
        ("/executions/nobody", 404, "execution_not_found"),
        ("/executions/nobody/events", 404, "execution_not_found"),
        ("/context/nobody/events", 404, "context_not_found"),
        ("/context/nobody/executions", 404, "context_not_found"),
        ("/context/default/events?from=-1", 400, "malformed_request"),
        ("/context/default/events?from=x", 400, "malformed_request"),
        ("/context/default/events?from=²", 400, "malformed_request"),
        ("/context/default/events?from=" + "9" * 16, 400, "malformed_request"),
    ]:
        for headers in ({}, {"Upgrade": "websocket", "Connection": "Upgrade"}):
            answer, body = await client.request("GET", path, headers=headers)
            assert (answer, body["code"]) == (status, code), path


async def test_forms_that_are_not_there_are_refused(client: Client) -> None:
    await client.run("pass")
    status, body = await client.request("GET", "/context/default/events", headers={"Accept": "application/json"})
    assert (status, body["code"]) == (406, "not_acceptable")
    assert "text/event-stream" in body["error"]
    bad = {"Accept": "text/event-stream", "Last-Event-ID": "x"}
    status, body = await client.request("GET", "/context/default/events", headers=bad)
    assert (status, body["code"]) == (400, "malformed_request")


# A context with many followers


async def test_a_follower_sees_everything_that_happens(client: Client, gate: Gate) -> None:
    context = await client.create()
    path = f"/context/{context}/events"
    async with contextlib.AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(following(client, path, transport)) for transport in TRANSPORTS]
        code = f"import threading\ndef late():\n    {gate.wait}\n    print('late', end='', flush=True)\n"
        code += "threading.Thread(target=late).start()\nprint('early')"
        keys = {"code": code, "contextId": context, "origin": "ada"}
        first = (await client.request("POST", "/execute", json=keys))[1]
        gate.open()
        seen = [await until(events, "late") for events in followers]
        second = (await client.request("POST", "/execute", json={"code": "1/0", "contextId": context}))[1]
        await client.request("POST", f"/context/{context}/restart")
        third = (await client.request("POST", "/execute", json={"code": "pass", "contextId": context}))[1]
        await client.request("DELETE", f"/context/{context}")
        for messages, events in zip(seen, followers, strict=True):
            messages += [message async for message in events]
    assert seen[0] == seen[1] == seen[2]
    assert [message["seq"] for message in seen[0]] == list(range(len(seen[0])))
    told = [
        (message["executionId"], message["type"], message.get("text"))
        for message in seen[0]
        if message.get("text") != "queued"
    ]
    ends = {message["how"] for message in seen[0] if message["type"] == "workerEnded"}
    assert ends <= {"exit status 0", "killed by SIGKILL"}  # it ended by itself or by its timeout of a second
    one, two, three = (body["executionId"] for body in (first, second, third))
    assert told == [
        (one, "submitted", None),
        (one, "control", "started"),
        (one, "stdout", "early\n"),
        (one, "control", "completed"),
        (None, "stdout", "late"),
        (two, "submitted", None),
        (two, "control", "started"),
        (two, "error", None),
        (two, "control", "completed"),
        (None, "workerEnded", None),
        (three, "submitted", None),
        (three, "control", "started"),
        (three, "control", "restarted"),
        (three, "control", "completed"),
        (None, "workerEnded", None),
    ]
    assert (seen[0][0]["code"], seen[0][0]["origin"], seen[0][0]["cutChars"]) == (code, "ada", 0)


async def test_a_new_follower_begins_now_or_where_it_wants(own_client: Client) -> None:
    await own_client.run("pass")
    async with following(own_client, "/context/default/events", "ndjson") as first:
        await own_client.run("print(1)")
        seen = await until(first, "completed")
        async with (
            following(own_client, "/context/default/events", "ndjson") as now,
            following(own_client, "/context/default/events", "ndjson", 0) as before,
        ):
            await own_client.run("print(2)")
            assert stdout_of(await until(now, "completed")) == "2\n"
            assert await until(before, "completed") == seen


async def test_long_code_is_shown_to_followers_in_part(client: Client) -> None:
    await client.run("pass")
    code = "#" * 65_536 + "é" * 1000
    async with following(client, "/context/default/events", "websocket") as events:
        await client.run(code)
        submitted = await anext(events)
        assert (submitted["code"], submitted["cutChars"]) == ("#" * 65_536, 1000)


async def test_followers_that_do_not_read_delay_no_program(start_daemon: StartDaemon, gate: Gate) -> None:
    pieces, size = 128, 1 << 16  # more than the kernel's buffers of a connection: by tcp(7) a little over 4 MiB
    daemon = await start_daemon("--journal-bytes", "256K")
    path = "/context/default/events"
    async with Client(daemon.url) as client, contextlib.AsyncExitStack() as stack:
        await client.run("pass")
        slow = [await stack.enter_async_context(following(client, path, transport)) for transport in TRANSPORTS]
        fast = await stack.enter_async_context(following(client, path, "ndjson"))
        await start(client, f"import os\nfor _ in range({pieces}):\n    {gate.wait}\n    os.write(1, b'x' * {size})")
        seen: list[dict[str, Any]] = []
        for _ in range(pieces):
            gate.open()
            missing = size
            while missing:
                seen.append(await anext(fast))
                missing -= len(stdout_of(seen[-1:]))
        await until(fast, "completed", seen)
        assert [message["seq"] for message in seen] == list(range(len(seen)))
        for events in slow:
            late = await until(events, "completed")
            assert any(message["type"] == "gap" for message in late)
            numbers: list[int] = []
            for message in late:
                first = message["first"] if message["type"] == "gap" else message["seq"]
                numbers += range(first, message["seq"] + 1)
            assert numbers == list(range(len(seen)))
            rest = [message for message in late if message["type"] != "gap"]
            assert rest == [seen[message["seq"]] for message in rest]


# The end of a context


async def test_followers_end_with_the_daemon(daemon: Daemon, own_client: Client) -> None:
    execution_id = await start(own_client, "while True: pass")
    async with contextlib.AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(following(own_client, path, transport, 0))
            for path in ("/context/default/events", f"/executions/{execution_id}/events")
            for transport in ("ndjson", "sse")
        ]
        sockets = [
            await stack.enter_async_context(own_client.http.ws_connect(own_client.base + path, autoclose=False))
            for path in ("/context/default/events", f"/executions/{execution_id}/events?from=1000")
        ]
        async with Client(daemon.url) as slow:
            await stack.enter_async_context(following(slow, "/context/default/events", "ndjson"))
            daemon.process.terminate()
            told = [[message async for message in stream] for stream in streams]
            for socket in sockets:
                while (frame := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
                assert (frame.type, frame.data, frame.extra) == (
                    aiohttp.WSMsgType.CLOSE,
                    1001,
                    "server is shutting down",
                )
                await socket.close()
            assert await daemon.ended() == 0
    for messages in told:
        assert [message.get("text") for message in messages if message["executionId"] == execution_id][
            -1
        ] == "cancelled"


async def test_a_follower_that_goes_is_forgotten_and_the_others_stay(client: Client, gate: Gate) -> None:
    execution_id = await start(client, f"print('a', flush=True)\n{gate.wait}\nprint('b')")
    path = f"/executions/{execution_id}/events"
    async with following(client, path, "websocket") as stays:
        seen = await until(stays, "a\n")
        await asyncio.gather(*(_look(client, path, transport) for transport in TRANSPORTS for _ in range(5)))
        gate.open()
        assert stdout_of(await until(stays, "completed", seen)) == "a\nb\n"


async def _look(client: Client, path: str, transport: str) -> None:
    async with following(client, path, transport) as events:
        await until(events, "a\n")
