"""Host functions over the wire: with events over HTTP, on WebSockets and in the background, and with odd workers."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from following import following
from forging import FORGE
from harness import Client
from on_session import open_session

FUNCTIONS = [{"name": "search"}, {"name": "fetch", "async": True}]
CALLED = "say('called', id=mine, number={number}, name='{name}', args=[], kwargs={{}})"


@pytest.fixture
async def context(client: Client) -> AsyncIterator[str]:
    context = await client.create()
    yield context
    await client.request("DELETE", f"/context/{context}")


async def calls(client: Client, execution_id: str) -> list[dict[str, Any]]:
    """Return the open calls of an execution, once there is one."""
    while True:
        status, body = await client.request("GET", f"/executions/{execution_id}/calls")
        assert status == 200
        if body["calls"]:
            return list(body["calls"])


async def answer(client: Client, execution_id: str, call_id: str, **keys: Any) -> dict[str, Any]:
    status, body = await client.request("POST", f"/executions/{execution_id}/calls/{call_id}", json=keys)
    assert status == 200, body
    return dict(body)


@pytest.mark.parametrize("form", ["application/x-ndjson", "text/event-stream"])
async def test_a_client_of_plain_http_answers(client: Client, context: str, form: str) -> None:
    request = {"code": "print('first')\nprint(search('x', limit=3))\nprint(search('y'))", "functions": FUNCTIONS}
    told = []
    async with client.http.post(
        client.base + "/execute", json={**request, "contextId": context}, headers={"Accept": form}
    ) as response:
        async for line in response.content:
            if b'"type"' not in line:
                continue
            message = json.loads(line.removeprefix(b"data: "))
            told.append(message.get("text") or message.get("outcome") or message["type"])
            if message["type"] == "functionCall":
                id = message["executionId"]
                assert message["name"] == "search"
                if message["args"] == ["x"]:
                    assert message["kwargs"] == {"limit": 3}
                    assert [it["callId"] for it in await calls(client, id)] == [message["callId"]]
                did = await answer(client, id, message["callId"], value=message["args"])
                assert did == {"accepted": True, "did": "accepted", "executionId": id, "callId": message["callId"]}
                again = await answer(client, id, message["callId"], value="another")
                assert (again["accepted"], again["did"]) == (False, "idle")
    call = ["functionCall", "returned"]
    assert told[-8:] == ["first\n", *call, "['x']\n", *call, "['y']\n", "completed"]


async def test_a_client_that_waits_for_one_answer_has_no_functions(client: Client) -> None:
    status, body = await client.request("POST", "/execute", json={"code": "1", "functions": FUNCTIONS})
    assert (status, body["code"]) == (400, "invalid_request")
    assert body["error"].startswith("functions must come with an Accept of application/x-ndjson")
    result = await client.run("1", functions=FUNCTIONS)
    assert (result.close_code, result.close_reason) == (
        1008,
        'functions must come with "events": "v2", in which calls are told',
    )


async def test_an_answer_on_the_socket_of_the_execution(client: Client, context: str) -> None:
    async with client.running("print(search())", contextId=context, events="v2", functions=FUNCTIONS) as running:
        while (message := await running.next()) is not None:
            if message["type"] == "functionCall":
                await running.socket.send_json({"op": "return", "callId": "unknown", "value": 0})
                await running.socket.send_json({"op": "return", "callId": message["callId"], "value": {"found": [1]}})
        assert running.result.stdout == "{'found': [1]}\n"


async def test_answers_on_a_session_and_of_another_client(client: Client, context: str) -> None:
    async with open_session(client) as session, open_session(client) as other:
        code = "for _ in range(2):\n    try: print(search())\n    except LookupError as error: print(repr(error))"
        await session.send(op="execute", requestId="a", code=code, contextId=context, functions=FUNCTIONS)
        for number, (by, keys) in enumerate([(session, {"value": "x" * 500_000}), (other, {"error": LOOKUP})], 1):
            while not (told := [it for it in session.messages["a"] if it.get("callId") == str(number)]):
                await session.next()
            ids = {"executionId": told[0]["executionId"], "callId": str(number)}
            await by.send(op="return", requestId=f"r{number}", **ids, **keys)
            await by.wait(f"r{number}", "accepted")
            await session.send(op="return", requestId=f"late{number}", **ids, value=None)
            await session.wait(f"late{number}", "idle")
        await session.send(op="return", requestId="none", executionId=ids["executionId"], callId="9", value=None)
        await session.wait("none", "refused", "idle")
        await session.wait("a")
        assert session.output("a") == "x" * 500_000 + "\nLookupError('why')\n"


LOOKUP = {"name": "LookupError", "value": "why"}


async def test_an_execution_in_the_background_waits_for_anyone(client: Client, context: str) -> None:
    request = {"code": "print(search(1))", "contextId": context, "functions": FUNCTIONS, "background": True}
    _, accepted = await client.request("POST", "/execute", json=request)
    (call,) = await calls(client, accepted["id"])
    assert call == {"callId": "1", "name": "search", "args": [1], "kwargs": {}}
    status, body = await client.request("POST", f"/executions/{accepted['id']}/calls/2", json={"value": 1})
    assert (status, body["code"]) == (404, "call_not_found")
    await answer(client, accepted["id"], call["callId"], value=2)
    async with following(client, f"/executions/{accepted['id']}/events", "ndjson") as events:
        told = [it async for it in events]
    assert [it["type"] for it in told if it["type"].startswith("function")] == ["functionCall", "functionEnd"]
    _, listed = await client.request("GET", f"/executions/{accepted['id']}/calls")
    assert listed == {"calls": []}
    assert (await answer(client, accepted["id"], "1", value=3))["did"] == "idle"


CATCHING = "try: print(search())\nexcept HostFunctionError as error: print(error)"


async def leave_calling(client: Client, context: str) -> dict[str, Any]:
    """Start an execution, and disconnect when it calls; return the call."""
    async with client.running(CATCHING, contextId=context, events="v2", functions=FUNCTIONS) as running:
        while (message := await running.next()) is not None:
            if message["type"] == "functionCall":
                return message
    raise AssertionError(running.result)


async def test_a_client_that_comes_back_finds_its_call(client: Client, context: str) -> None:
    call = await leave_calling(client, context)
    async with following(client, f"/executions/{call['executionId']}/events?from={call['seq']}", "ndjson") as events:
        assert (await anext(events))["callId"] == call["callId"]
        await answer(client, call["executionId"], call["callId"], value="back")
        assert [it["text"] async for it in events if it["type"] == "stdout"] == ["back\n"]


async def test_if_no_client_comes_back_the_code_is_told(standing: Callable[..., Any]) -> None:
    async with Client(standing("--call-grace-s", "0.1").url) as client:
        context = await client.create()
        async with following(client, f"/context/{context}/events", "ndjson") as events:
            await leave_calling(client, context)
            printed = await anext(it["text"] async for it in events if it["type"] == "stdout")
            assert printed == "the client has gone, and nobody answered search() within 0.1 s\n"
        await client.request("DELETE", f"/context/{context}")


CALL = "'called', id=mine, number=1, name='search'"
HOSTILE = {
    "a name that was not declared": (CALLED.format(number=1, name="other"), "unexpected Called"),
    "too many calls": ("for n in range(70): " + CALLED.format(number="n", name="search"), "unexpected Called"),
    "a number again": (f"{CALLED.format(number=1, name='search')}; " * 2, "unexpected Called"),
    "another execution's": (CALLED.replace("mine", "'x'").format(number=1, name="search"), "unexpected Called"),
    "arguments that are none": (f"say({CALL}, args={{}}, kwargs={{}})", "args must be list"),
    "elements": (
        "say('called', id=mine, number=1, name='search', args=[[]] * 250_000, kwargs={})",
        "too many elements",
    ),
    "a drop of nothing": ("say('dropped', id=mine, number=1)", "unexpected Dropped"),
    "drops without end": (
        "n = 0\nwhile True: n += 1; "
        + CALLED.format(number="n", name="search")
        + "; say('dropped', id=mine, number=n)",
        "unexpected Dropped",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_worker_that_calls_as_none_can_is_killed(client: Client, context: str, name: str) -> None:
    code, why = HOSTILE[name]
    async with client.running(
        FORGE + code + "\nimport time; time.sleep(30)", contextId=context, events="v2", functions=FUNCTIONS
    ) as running:
        result = await running.finish()
    assert result.error is not None
    assert result.error["name"] == "WorkerDied"
    assert why in result.error["value"]
    ended = [it["callId"] for it in result.messages if it["type"] == "functionEnd"]
    assert sorted(ended) == sorted(it["callId"] for it in result.messages if it["type"] == "functionCall")


@pytest.mark.parametrize("end", ["interrupt", "restart", "delete", "exit", "crash", "timeout"])
async def test_whatever_ends_an_execution_ends_its_calls(client: Client, end: str) -> None:
    context = await client.create()
    code = {
        "exit": "import threading\nthreading.Thread(target=search, daemon=True).start()\nsearch(1)\nexit()",
        "crash": "import threading, os\nthreading.Thread(target=search, daemon=True).start()\nsearch(1)\nos._exit(3)",
    }.get(end, "search()")
    timeout = 1 if end == "timeout" else 60
    keys = {"contextId": context, "events": "v2", "functions": FUNCTIONS, "timeout": timeout}
    async with client.running(code, **keys) as running:
        while (message := await running.next()) is not None:
            if message["type"] != "functionCall":
                continue
            if end in ("interrupt", "restart"):
                await client.request("POST", f"/context/{context}/{end}")
            elif end == "delete":
                await client.request("DELETE", f"/context/{context}")
            elif message["args"]:
                await running.socket.send_json({"op": "return", "callId": message["callId"], "value": None})
    told = running.result.messages
    ends = {it["callId"]: it["outcome"] for it in told if it["type"] == "functionEnd"}
    assert set(ends) == {it["callId"] for it in told if it["type"] == "functionCall"}
    assert "cancelled" in ends.values()
    assert told[-1]["type"] == "control", "after the ends of all calls"
    if end != "delete":
        await client.request("DELETE", f"/context/{context}")
