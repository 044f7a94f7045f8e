"""The routes of this dialect, on an application that speaks nothing else."""

from typing import Any

import pytest


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/execute", 405)])
async def test_what_has_no_route_is_refused_in_text(e2b: Any, method: str, path: str, status: int) -> None:
    async with e2b.request(method, path) as response:
        assert (response.status, response.content_type) == (status, "text/plain")
        assert path in await response.text()


@pytest.mark.parametrize("path", ["/execute", "/contexts", "/contexts/x/restart"])
async def test_foreign_pages_are_refused_unless_they_are_allowed(open_client: Any, path: str) -> None:
    client = await open_client(dialects=("e2b",), allow_origin=("https://good.example",))
    async with client.post(path, json={}, headers={"Origin": "https://evil.example"}) as response:
        assert (response.status, response.content_type) == (403, "text/plain")
        assert "origin not allowed" in (await response.text()).lower()
    good = {"Origin": "https://good.example", "Access-Control-Request-Method": "POST"}
    async with client.options(path, headers=good) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://good.example"
    async with client.post(path, json=[], headers=good) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "https://good.example"
