"""Code that clients have sent counts against limits, in bytes, from its submission to any end of its execution."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from harness import Client, Gate
from standing import SharedDaemon, shared_daemon

MIB = 1 << 20
WIDE = "#\U0001f600" + "x" * (MIB // 2)  # one wide character makes Python keep four bytes for every character
WIDE_BYTES = 3 * MIB  # 2 MiB of characters, and UTF-8 twice
FULL = "{} too much code: the limit for waiting and running code is {}"
IN_CONTEXT = FULL.format("the context holds", "8 MiB")
IN_ALL = FULL.format("all contexts together hold", "12 MiB")


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    flags = ("--queue-bytes", "8M", "--queues-total-bytes", "12M")
    with shared_daemon(tmp_path_factory.mktemp("holdings"), *flags) as daemon:
        yield daemon


@pytest.fixture
async def client(shared: SharedDaemon) -> AsyncIterator[Client]:
    async with Client(shared.url) as client:
        yield client


async def background(client: Client, context: str, code: str = WIDE) -> tuple[int, dict[str, object]]:
    return await client.request("POST", "/execute", json={"contextId": context, "code": code, "background": True})


async def hold(client: Client, context: str, gate: Gate) -> None:
    """Submit two executions, one running and one queued, that together hold more than 6 MiB."""
    assert (await background(client, context, f"{WIDE}\n{gate.wait}"))[0] == 202
    assert (await background(client, context))[0] == 202


async def has_room(client: Client, context: str) -> None:
    """Check that two executions fit again: the memory of earlier ones is free."""
    for _ in range(2):
        assert (await client.run(WIDE, context)).controls[-1] == "completed"


async def test_a_context_refuses_what_it_has_no_room_for(client: Client, gate: Gate) -> None:
    context = await client.create()
    await hold(client, context, gate)
    status, body = await background(client, context)
    assert (status, body["code"]) == (503, "limit_reached")
    assert body["error"] == sentence(IN_CONTEXT)
    async with client.http.post(client.base + "/execute", json={"contextId": context, "code": WIDE}) as response:
        assert response.headers["Retry-After"]
    refused = await client.run(WIDE, context)
    assert (refused.messages, refused.close_code, refused.close_reason) == ([], 1008, IN_CONTEXT)
    async with client.http.ws_connect(client.base + "/session") as socket:
        await socket.send_json({"op": "execute", "requestId": "a", "contextId": context, "code": WIDE})
        assert (await socket.receive_json())["value"] == sentence(IN_CONTEXT)
    assert (await background(client, context, "small = 1"))[0] == 202, "what is small still fits"
    gate.open()
    assert (await client.run("print(small)", context)).stdout == "1\n"
    await has_room(client, context)
    await client.request("DELETE", f"/context/{context}")


async def test_all_contexts_together_have_a_limit_too(client: Client, gate: Gate) -> None:
    contexts = [await client.create() for _ in range(2)]
    await hold(client, contexts[0], gate)
    assert (await background(client, contexts[1], f"{WIDE}\n{gate.wait}"))[0] == 202
    status, body = await background(client, contexts[1])
    assert (status, body["code"]) == (503, "limit_reached")
    assert body["error"] == sentence(IN_ALL)
    for context in contexts:
        await client.request("DELETE", f"/context/{context}")


@pytest.mark.parametrize("end", ["deleted", "restarted", "killed", "interrupted", "cancelled"])
async def test_however_it_ends_there_is_room_again(client: Client, gate: Gate, end: str) -> None:
    context = await client.create()
    pid = int((await client.run("import os; print(os.getpid())", context)).stdout)
    await hold(client, context, gate)
    _, listed = await client.request("GET", f"/context/{context}/executions")
    running, waiting = (it["id"] for it in listed["executions"][:2])
    if end == "deleted":
        await client.request("DELETE", f"/context/{context}")
        context = await client.create()
    elif end == "restarted":
        await client.request("POST", f"/context/{context}/restart?cancelQueued=true")
    elif end == "killed":
        os.kill(pid, 9)
    elif end == "interrupted":
        await client.request("POST", f"/executions/{running}/interrupt")
    else:
        await client.request("POST", f"/executions/{waiting}/interrupt")
        gate.open()
    await client.run("pass", context)  # it is queued behind the waiting execution
    await has_room(client, context)
    await client.request("DELETE", f"/context/{context}")
