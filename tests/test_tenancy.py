"""An application whose clients must send tokens: which requests pass, and which contexts they find."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from tenancy import Tokens, write_tokens

from interpreterd.app import make_app
from interpreterd.http.keys import RELOADS
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"
Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """Return tokens of every role, of two tenants."""
    return write_tokens(
        tmp_path / "tokens",
        admin="admin",
        acme="tenant acme",
        second="tenant acme",
        globex="tenant globex",
        reader="read acme",
        monitor="read",
    )


@pytest.fixture
def open_client(aiohttp_client: Any, tokens: Tokens, tmp_path: Path) -> Open:
    """Return a function that starts the application with some settings."""

    async def start(**settings: Any) -> Client:
        chosen = Settings.of(cwd=str(tmp_path), token_file=str(tokens.path), **settings)
        app = await asyncio.to_thread(make_app, settings=chosen, launcher=FakeLauncher())
        client: Client = await aiohttp_client(app)
        return client

    return start


async def test_no_request_passes_without_a_token_except_for_health(open_client: Open, tokens: Tokens) -> None:
    client = await open_client()
    for path in ("/version", PREFIX + "/contexts", "/api/kernels", "/nothing", PREFIX + "/execute"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dXNlcjo="}):
            async with client.get(path, headers=headers) as response:
                assert response.status == 401, path
                assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    async with client.get("/health") as response:
        assert response.status == 200
    async with client.get(PREFIX + "/contexts", headers=tokens.headers("acme")) as response:
        assert await response.json() == {"contexts": []}


async def test_a_tenant_sees_only_its_own_contexts_and_has_a_default_one_of_its_own(
    open_client: Open, tokens: Tokens
) -> None:
    client = await open_client()
    ids = {}
    for name in ("acme", "globex", "admin"):
        async with client.post(PREFIX + "/context", headers=tokens.headers(name)) as response:
            ids[name] = (await response.json())["id"]
        body = {"code": "pass", "background": True}
        async with client.post(PREFIX + "/execute", json=body, headers=tokens.headers(name)) as response:
            assert response.status == 202
            assert (await response.json())["contextId"] == "default"
    for name in ("acme", "second", "reader"):
        async with client.get(PREFIX + "/contexts", headers=tokens.headers(name)) as response:
            assert [it["id"] for it in (await response.json())["contexts"]] == [ids["acme"], "default"]
    async with client.get(PREFIX + "/contexts", headers=tokens.headers("admin")) as response:
        found = [(it["id"], it.get("tenant", "")) for it in (await response.json())["contexts"]]
    assert found == [
        (ids["acme"], "acme"),
        ("default@acme", "acme"),
        (ids["globex"], "globex"),
        ("default@globex", "globex"),
        (ids["admin"], ""),
        ("default", ""),
    ]


async def test_an_id_of_another_tenant_is_answered_as_one_that_does_not_exist(
    open_client: Open, tokens: Tokens
) -> None:
    client = await open_client()
    async with client.post(PREFIX + "/context", headers=tokens.headers("globex")) as response:
        theirs = (await response.json())["id"]
    unknown = "00000000-0000-4000-8000-000000000000"
    for method, path in (("GET", "/context/{}"), ("DELETE", "/context/{}"), ("POST", "/context/{}/restart")):
        answers = []
        for context_id in (theirs, unknown, "default@globex", "default@acme"):
            async with client.request(
                method, PREFIX + path.format(context_id), headers=tokens.headers("acme")
            ) as response:
                assert response.status == 404
                answers.append((await response.text()).replace(context_id, "…"))
        assert len(set(answers)) == 1


async def test_a_reader_may_look_at_everything_of_its_tenant_and_change_nothing(
    open_client: Open, tokens: Tokens
) -> None:
    client = await open_client()
    async with client.post(PREFIX + "/context", headers=tokens.headers("acme")) as response:
        context = (await response.json())["id"]
    async with client.get(f"{PREFIX}/context/{context}", headers=tokens.headers("reader")) as response:
        assert response.status == 200
    for method, path in (("POST", "/context"), ("DELETE", f"/context/{context}"), ("POST", "/execute")):
        async with client.request(method, PREFIX + path, json={"code": "1"}, headers=tokens.headers("reader")) as it:
            assert it.status == 403
            assert (await it.json())["code"] == "forbidden"
    async with client.ws_connect(PREFIX + "/execute", headers=tokens.headers("reader")) as socket:
        await socket.send_json({"code": "1"})
        assert (await socket.receive()).data == 1008


async def test_an_administrator_may_act_for_a_tenant_and_nobody_else(open_client: Open, tokens: Tokens) -> None:
    client = await open_client()
    as_acme = {**tokens.headers("admin"), "X-Tenant": "acme"}
    async with client.post(PREFIX + "/context", headers=as_acme) as response:
        context = (await response.json())["id"]
    async with client.get(f"{PREFIX}/context/{context}", headers=tokens.headers("acme")) as response:
        assert response.status == 200
    async with client.get(PREFIX + "/contexts", headers={**tokens.headers("globex"), "X-Tenant": "acme"}) as response:
        assert response.status == 403
    async with client.get(PREFIX + "/contexts", headers={**tokens.headers("admin"), "X-Tenant": "none"}) as response:
        assert response.status == 400


async def test_a_reload_takes_new_tokens_and_ends_the_sockets_of_revoked_ones(
    open_client: Open, tokens: Tokens
) -> None:
    client = await open_client()
    async with (
        client.ws_connect(PREFIX + "/session", headers=tokens.headers("second")) as revoked,
        client.ws_connect(PREFIX + "/session", headers=tokens.headers("acme")) as kept,
    ):
        for socket in (revoked, kept):
            await socket.send_json({"op": "ping", "requestId": "1"})
            await socket.receive()
        text = tokens.path.read_text()
        tokens.path.write_text(text.replace(tokens.id_of("second"), "0123abcd"))
        for reload in client.server.app[RELOADS]:  # type: ignore[attr-defined]
            await reload()
        message = await revoked.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)
        await kept.send_json({"op": "ping", "requestId": "2"})
        assert (await kept.receive()).type is aiohttp.WSMsgType.TEXT
    async with client.get(PREFIX + "/contexts", headers=tokens.headers("second")) as response:
        assert response.status == 401
