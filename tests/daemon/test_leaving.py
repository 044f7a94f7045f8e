"""A daemon keeps no memory for an answer whose client leaves in the middle of it, on any route."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from harness import PREFIX, Client
from leaving import Asker, connections, get, holds, post, upgrade
from standing import SharedDaemon, shared_daemon
from streaming import memory_bytes

MIB = 1 << 20
OUTPUT = f"print('x' * {9 * MIB})"
LINES = f"for _ in range(128): print('x' * {MIB // 16})"
RAISED = f"raise ValueError('x' * {MIB // 4})"
CONTROLS = "\1" * 4000  # JSON needs six characters for each
JOURNALS_BYTES = 16 * MIB
TIMES = 16
GROWTH_LIMIT_BYTES = 16 * MIB

Prepare = Callable[[Client, str], Awaitable[bytes]]


@pytest.fixture(scope="module", params=["tcp", "unix"])
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon with small journals, and without a pool, because pooled workers also have sockets."""
    folder = tmp_path_factory.mktemp("leaving")
    flags = ("--unix-socket", str(folder / "socket")) if request.param == "unix" else ()
    limits = ("--journal-bytes", str(JOURNALS_BYTES // 2), "--journals-total-bytes", str(JOURNALS_BYTES))
    with shared_daemon(folder, "--pool-size", "0", *limits, *flags) as running:
        yield running


async def executions(client: Client, context: str) -> bytes:
    for _ in range(JOURNALS_BYTES // MIB):
        _, ended = await client.request("POST", "/execute", json={"code": RAISED, "contextId": context})
        assert ended["error"]["name"] == "ValueError"
    return get(f"{PREFIX}/context/{context}/executions")


async def execution(client: Client, context: str) -> bytes:
    _, ended = await client.request("POST", "/execute", json={"code": RAISED, "contextId": context})
    return get(f"{PREFIX}/executions/{ended['executionId']}") * 20


def contexts(query: str = "") -> Prepare:
    async def prepare(client: Client, context: str) -> bytes:
        await client.request("PATCH", f"/context/{context}", json={"metadata": {"of": CONTROLS}})
        return get(f"{PREFIX}/contexts{query}") * 20

    return prepare


async def document(client: Client, context: str) -> bytes:
    return get("/openapi.json") * 20


async def error(client: Client, context: str) -> bytes:
    return post(f"{PREFIX}/context", {"cwd": "/" + "x" * MIB})


def run(form: str) -> Prepare:
    async def prepare(client: Client, context: str) -> bytes:
        return post(f"{PREFIX}/execute", {"code": OUTPUT, "contextId": context}, form)

    return prepare


def follow(form: str) -> Prepare:
    async def prepare(client: Client, context: str) -> bytes:
        _, ended = await client.request("POST", "/execute", json={"code": LINES, "contextId": context})
        path = f"{PREFIX}/executions/{ended['executionId']}/events"
        return upgrade(path) if form == "WebSocket" else get(path, form)

    return prepare


async def feed(client: Client, context: str) -> bytes:
    await client.request("POST", "/execute", json={"code": LINES, "contextId": context})
    return get(f"{PREFIX}/context/{context}/events?from=0", "NDJSON")


async def execute(client: Client, context: str) -> bytes:
    return upgrade(f"{PREFIX}/execute", {"code": OUTPUT, "contextId": context})


async def session(client: Client, context: str) -> bytes:
    wish = {"op": "execute", "code": OUTPUT, "contextId": context}
    return upgrade(f"{PREFIX}/session", *({"requestId": str(number), **wish} for number in range(3)))


ROUTES: dict[str, Prepare] = {
    "executions": executions,
    "execution": execution,
    "contexts": contexts(),
    "usage": contexts("?usage=true"),
    "openapi": document,
    "error": error,
    "run, JSON": run("JSON"),
    "run, NDJSON": run("NDJSON"),
    "run, SSE": run("SSE"),
    "events, NDJSON": follow("NDJSON"),
    "events, SSE": follow("SSE"),
    "events, WebSocket": follow("WebSocket"),
    "feed": feed,
    "execute": execute,
    "session": session,
}


@pytest.mark.parametrize("route", ROUTES)
async def test_clients_that_leave_in_the_middle_cost_no_memory(daemon: SharedDaemon, route: str) -> None:
    async with Client(daemon.url) as client:
        context = await client.create()
        for _ in range(3):  # fills the journals, whose growth would look like a leak
            await client.request("POST", "/execute", json={"code": LINES, "contextId": context})
        request = await ROUTES[route](client, context)
        kept = connections(daemon.pid)
        before = 0
        for number in range(1 + TIMES):
            asker = Asker(daemon.url, request)
            await asyncio.to_thread(asker.begun)
            asker.leave()
            if number == 0:  # memory of the first use does not count
                await holds(lambda: connections(daemon.pid) <= kept)
                before = memory_bytes(daemon.pid)
        await holds(lambda: connections(daemon.pid) <= kept)
        grown = memory_bytes(daemon.pid) - before
        await client.request("DELETE", f"/context/{context}")
    assert grown < GROWTH_LIMIT_BYTES, f"{grown / MIB:.0f} MiB"
