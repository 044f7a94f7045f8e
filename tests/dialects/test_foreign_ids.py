"""No id of another tenant is answered otherwise than an id that does not exist: on every route of every dialect."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from tenancy import Tokens, write_tokens
from walking import NAMES, Route, routes

from interpreterd.app import make_app
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
UNKNOWN = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"
Client = TestClient[web.Request, web.Application]
# An id in the body of a request, in each dialect, for a client that has it in a place of its own.
NAMED = [
    ("POST", PREFIX + "/execute", lambda it: {"code": "1", "contextId": it}),
    ("POST", PREFIX + "/execute", lambda it: {"code": "1", "contextId": it, "background": True}),
    ("POST", "/execute", lambda it: {"code": "1", "context_id": it}),
    ("POST", "/code", lambda it: {"code": "1", "context": {"id": it, "language": "python"}}),
    ("POST", "/api/sessions", lambda it: {"path": "a", "name": "", "type": "notebook", "kernel": {"id": it}}),
]
BODIES: dict[str, Any] = {
    "/input": {"text": "x"},
    "/calls/": {"value": 1},
    "/complete": {"code": "a", "cursor": 1},
    "/inspect": {"code": "a", "cursor": 1},
    "/isComplete": {"code": "a"},
    "/restore": {"checkpoint": "a"},
}
# Routes whose variables are no ids: names of files and kernelspecs, the one sandbox that all share.
RUNNING = ("/files", "/envs", "/metrics")  # of E2B: they run code, which fake workers do not
NO_IDS = ("kernelspecs", "/sandboxes", "filesystem.", "process.")


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return write_tokens(tmp_path / "tokens", acme="tenant acme", globex="tenant globex", admin="admin")


@pytest.fixture
async def client(aiohttp_client: Any, tokens: Tokens, tmp_path: Path) -> Client:
    settings = Settings.of(cwd=str(tmp_path), token_file=str(tokens.path), max_contexts=500)
    client: Client = await aiohttp_client(await asyncio.to_thread(make_app, settings=settings, launcher=FakeLauncher()))
    return client


async def ids_of(client: Client, headers: dict[str, str]) -> list[str]:
    """Make something of every kind that has an id; return the ids."""

    async def made(path: str, body: dict[str, Any], key: str = "id") -> str:
        async with client.post(path, json=body, headers=headers) as response:
            assert response.status < 300, await response.text()
            return str((await response.json())[key])

    context = await made(PREFIX + "/context", {})
    background = {"code": "1", "background": True}
    return [
        context,
        await made(PREFIX + "/execute", {**background, "contextId": context}, "executionId"),
        await made(PREFIX + "/execute", background, "executionId"),
        await made("/api/kernels", {"name": "python3"}),
        await made("/api/sessions", {"path": "a", "name": "", "type": "notebook", "kernel": {"name": "python3"}}),
        await made("/contexts", {}),
        await made("/code/context", {"language": "python"}),
        "default@globex",
    ]


async def answered(client: Client, route: Route, context_id: str, headers: dict[str, str]) -> tuple[int, str]:
    """Return status and body of a request with an id; the id itself is left out."""
    path = route.path.replace("unknown", context_id, 1).replace("unknown", "name")
    body = next((it for end, it in BODIES.items() if end in path), None)
    async with client.request(route.method, path, json=body, headers=headers) as response:
        return response.status, (await response.text()).replace(context_id, "…")


@pytest.mark.parametrize("name", NAMES)
async def test_a_foreign_id_in_a_path_is_answered_as_an_unknown_one(client: Client, tokens: Tokens, name: str) -> None:
    foreign, own = await ids_of(client, tokens.headers("globex")), tokens.headers("acme")
    walked = [it for it in routes(name) if "unknown" in it.path and not any(part in it.path for part in NO_IDS)]
    for route, context_id in itertools.product(walked, foreign):
        expected = await answered(client, route, UNKNOWN, own)
        assert await answered(client, route, context_id, own) == expected, (route, context_id)
        # Asked without a WebSocket; and fake workers have no archives.
        is_excused = route.path.endswith("/channels") or "no_state_directory" in expected[1]
        assert expected[0] == 404 or is_excused, (route, expected)
    async with client.get(PREFIX + "/contexts", headers=tokens.headers("globex")) as response:
        assert foreign[0] in await response.text(), "none was deleted"


@pytest.mark.parametrize(("method", "path", "body"), NAMED, ids=["native", "unattended", "e2b", "code", "jupyter"])
async def test_a_foreign_id_in_a_body_is_answered_as_an_unknown_one(
    client: Client, tokens: Tokens, method: str, path: str, body: Any
) -> None:
    foreign, own = await ids_of(client, tokens.headers("globex")), tokens.headers("acme")
    answers = {}
    for context_id in (UNKNOWN, *foreign):
        async with client.request(method, path, json=body(context_id), headers=own) as response:
            answers[context_id] = response.status, (await response.text()).replace(context_id, "…")
    assert set(answers.values()) == {answers[UNKNOWN]}
    assert answers[UNKNOWN][0] == 404


async def test_no_listing_has_what_is_another_tenants(client: Client, tokens: Tokens) -> None:
    foreign, own = await ids_of(client, tokens.headers("globex")), tokens.headers("acme")
    for name in NAMES:
        for route in routes(name):
            if route.method == hdrs.METH_GET and "unknown" not in route.path and route.path not in RUNNING:
                async with client.get(route.path, headers=own) as response:
                    text = await response.text()
                    assert not [it for it in foreign if it in text], route
    async with client.get(PREFIX + "/contexts", params={"after": foreign[0]}, headers=own) as response:
        assert response.status == 404


async def test_no_socket_reaches_what_is_another_tenants(client: Client, tokens: Tokens) -> None:
    foreign, own = await ids_of(client, tokens.headers("globex")), tokens.headers("acme")
    for context_id in (UNKNOWN, *foreign):
        async with client.ws_connect(PREFIX + "/execute", headers=own, autoclose=False) as socket:
            await socket.send_json({"code": "1", "contextId": context_id})
            said = await socket.receive_json()
            assert (said["name"], said["value"]) == ("ContextError", f"context not found: {context_id}")
            assert (await socket.receive()).data == 1008
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"/api/kernels/{context_id}/channels", headers=own)
        assert refused.value.status == 404
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{PREFIX}/context/{context_id}/events", headers=own)
        assert refused.value.status == 404


async def test_no_operation_of_a_session_reaches_what_is_another_tenants(client: Client, tokens: Tokens) -> None:
    foreign, own = await ids_of(client, tokens.headers("globex")), tokens.headers("acme")
    said: dict[str, list[str]] = {}
    async with client.ws_connect(PREFIX + "/session", headers=own) as socket:
        for context_id in (UNKNOWN, *foreign):
            for operation in (
                {"op": "execute", "code": "1", "contextId": context_id},
                {"op": "interrupt", "contextId": context_id},
                {"op": "input", "executionId": context_id, "text": "x"},
                {"op": "return", "executionId": context_id, "callId": "c", "value": 1},
            ):
                await socket.send_json({**operation, "requestId": "r"})
                text = ""
                while '"control"' not in text:  # the last message about an operation
                    text = (await socket.receive_str()).replace(context_id, "…")
                    said.setdefault(context_id, []).append(text)
    assert len({json.dumps(it) for it in said.values()}) == 1
