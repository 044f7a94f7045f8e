"""Stats of contexts and metrics, as this API has them."""

from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.settings import Settings

PREFIX = "/process/interpreter"


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Any:
    return await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))


async def test_a_context_without_a_process_has_its_counts(client: Any) -> None:
    async with client.post(PREFIX + "/context", json={}) as response:
        context = (await response.json())["id"]
    async with client.get(f"{PREFIX}/context/{context}/stats") as response:
        body = await response.json()
    assert (body["contextId"], body["state"], body["rssBytes"]) == (context, "idle", None)
    assert body["executions"] == {"completed": 0, "interrupted": 0, "lost": 0, "cancelled": 0}


async def test_all_stats_have_sums(client: Any) -> None:
    for _ in range(2):
        await client.post(PREFIX + "/context", json={})
    async with client.get(PREFIX + "/stats") as response:
        body = await response.json()
    assert len(body["contexts"]) == body["total"]["contexts"] == 2
    assert body["total"]["rssBytes"] == 0
    assert body["daemon"]["threads"] >= 1


async def test_an_unknown_context_has_no_stats(client: Any) -> None:
    async with client.get(PREFIX + "/context/nobody/stats") as response:
        assert (response.status, (await response.json())["code"]) == (404, "context_not_found")


async def test_metrics_can_be_switched_off(aiohttp_client: Any, tmp_path: Path) -> None:
    app = make_app(settings=Settings.of(cwd=str(tmp_path), metrics=False), launcher=FakeLauncher())
    client = await aiohttp_client(app)
    async with client.get("/metrics") as response:
        assert (response.status, (await response.json())["code"]) == (404, "not_found")
