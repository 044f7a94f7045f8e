"""Executions and contexts have the same names in all answers; only code creates the default context."""

import json
from pathlib import Path
from typing import Any

import aiohttp
from described import OPERATIONS
from fake_worker import FakeLauncher
from harness import PREFIX, Client, Gate

from interpreterd.app import make_app
from interpreterd.settings import Settings

MAKING = {"execute", "openExecute", "openSession", "createContext", "forkContext", "makeCheckpoint"}


async def first_event(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the first event of this path."""
    event: dict[str, Any] = json.loads(await response.content.readline())
    return event


async def test_an_execution_has_the_same_name_wherever_it_is_told(client: Client, gate: Gate) -> None:
    context = await client.create()
    async with client.http.get(client.base + f"/context/{context}/events") as feed:
        body = {"code": gate.wait, "contextId": context, "background": True}
        status, accepted = await client.request("POST", "/execute", json=body)
        assert status == 202
        happened = await first_event(feed)
    name = accepted["executionId"]
    _, shown = await client.request("GET", f"/executions/{name}")
    _, listed = await client.request("GET", f"/context/{context}/executions")
    async with client.http.get(client.base + f"/executions/{name}/events") as response:
        event = await first_event(response)
    _, interrupted = await client.request("POST", f"/executions/{name}/interrupt")
    gate.open()
    told = [accepted, shown, *listed["executions"], interrupted, event, happened]
    assert [it["executionId"] for it in told] == [name] * len(told)
    assert {it["id"] for it in told if "id" in it} == {name}, "its own object"
    assert [it["contextId"] for it in told if "contextId" in it] == [context] * 3


async def test_the_answer_in_one_piece_and_those_of_a_restart_use_the_same_names(client: Client, gate: Gate) -> None:
    context = await client.create()
    _, whole = await client.request("POST", "/execute", json={"code": "print(1)", "contextId": context})
    _, shown = await client.request("GET", f"/executions/{whole['executionId']}")
    assert (shown["executionId"], shown["contextId"]) == (whole["executionId"], whole["contextId"])
    body = {"code": gate.wait, "contextId": context, "background": True}
    running, waiting = [(await client.request("POST", "/execute", json=body))[1]["executionId"] for _ in range(2)]
    _, restarted = await client.request("POST", f"/context/{context}/restart?cancelQueued=true")
    assert (restarted["id"], restarted["lost"], restarted["cancelled"]) == (context, [running], [waiting])
    gate.open()


async def test_only_code_and_what_copies_it_make_the_default_context(aiohttp_client: Any, tmp_path: Path) -> None:
    """No other request creates it: requests that name it get an error or find no running execution."""
    settings = Settings.of(cwd=str(tmp_path), code_limit_bytes=9)
    client = await aiohttp_client(make_app(settings=settings, launcher=FakeLauncher()))
    assert set(OPERATIONS) >= MAKING
    for name, (method, path, _) in OPERATIONS.items():
        if name not in MAKING:
            async with client.request(
                method, path.format(id="default", path="none", call="1", checkpoint="c")
            ) as response:
                if "rchive" in name or name == "hibernateContext":
                    assert response.status == 409, f"{name}: no state directory"
                elif "{id}" not in path:
                    assert response.status in (200, 426) or name == "getReadiness", name  # no daemon, never ready
                elif "/files" not in path:  # its directory is there before the context
                    assert response.status in (400, 404), name
    async with client.ws_connect(PREFIX + "/session") as socket:
        for request, message in enumerate(
            (
                {"op": "interrupt"},
                {"op": "interrupt", "contextId": "default"},
                {"op": "interrupt", "executionId": "e"},
                {"op": "input", "executionId": "e", "text": "x"},
                {"op": "ping"},
                {"op": "execute", "code": ""},
                {"op": "execute", "code": "1", "timeout": -1},
                {"op": "execute", "code": "print(100)"},
                {"op": "interrupt", "contextId": "nobody"},
            )
        ):
            await socket.send_json({**message, "requestId": str(request)})
        answers = []
        while len(answers) < 9:
            message = await socket.receive_json()
            if message["type"] == "control":
                answers.append(message["text"])
    assert answers == ["idle", "idle", "idle", "idle", "pong", "refused", "refused", "refused", "refused"]
    async with client.get(PREFIX + "/contexts") as response:
        assert await response.json() == {"contexts": []}
