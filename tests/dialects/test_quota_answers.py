"""A tenant's quota is 429 in every API, the daemon's 503: with a time to come again, the limit and its value."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher
from tenancy import write_tokens
from walking import in_form

from interpreterd.app import make_app
from interpreterd.settings import Settings

MAKES = {
    "native": ("/process/interpreter/context", {}),
    "jupyter": ("/api/kernels", {"name": "python3"}),
    "e2b": ("/contexts", {}),
    "opensandbox": ("/code/context", {"language": "python"}),
}


@pytest.mark.parametrize("name", list(MAKES))
async def test_a_refusal_names_the_limit_and_its_value(aiohttp_client: Any, tmp_path: Path, name: str) -> None:
    table = "[tenants.acme]\nmax-contexts = 1\n"
    tokens = write_tokens(tmp_path / "tokens", table, acme="tenant acme", globex="tenant globex")
    settings = Settings.of(cwd=str(tmp_path), token_file=str(tokens.path), max_contexts=2)
    client = await aiohttp_client(await asyncio.to_thread(make_app, settings=settings, launcher=FakeLauncher()))
    path, body = MAKES[name]
    statuses = []
    for who in ("acme", "acme", "globex", "globex"):
        async with client.post(path, json=body, headers=tokens.headers(who)) as response:
            statuses.append(response.status)
            if response.status >= 400:
                in_form(name, response, await response.read())
                assert int(response.headers["Retry-After"]) > 0
                limit = "max-contexts is 1" if who == "acme" else "limit is 2"
                assert limit in await response.text()
    assert [status for status in statuses if status >= 400] == [429, 503]


@pytest.mark.parametrize("name", list(MAKES))
async def test_without_a_token_each_api_says_so_in_its_own_form(aiohttp_client: Any, tmp_path: Path, name: str) -> None:
    tokens = write_tokens(tmp_path / "tokens", acme="tenant acme", reader="read acme")
    settings = Settings.of(cwd=str(tmp_path), token_file=str(tokens.path))
    client = await aiohttp_client(await asyncio.to_thread(make_app, settings=settings, launcher=FakeLauncher()))
    path, body = MAKES[name]
    async with client.post(path, json=body) as response:
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="interpreterd"')
        in_form(name, response, await response.read())
    async with client.post(path, json=body, headers=tokens.headers("reader")) as response:
        assert response.status == 403
        in_form(name, response, await response.read())
    for _ in range(11):
        async with client.post(path, json=body, headers={"Authorization": "Bearer wrong"}) as response:
            await response.read()
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0
    async with client.post(path, json=body, headers=tokens.headers("acme")) as response:
        assert response.status < 300
