"""E2B's routes for contexts, over fake workers."""

from pathlib import Path
from typing import Any

import pytest


async def ask(client: Any, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with client.request(method, path, json=body) as response:
        return response.status, await response.json()


async def test_a_context_is_made_listed_restarted_and_removed(e2b: Any, tmp_path: Path) -> None:
    status, made = await ask(e2b, "POST", "/contexts", {"language": " Python ", "cwd": str(tmp_path)})
    assert (status, made) == (200, {"id": made["id"], "language": "python", "cwd": str(tmp_path)})
    _, listed = await ask(e2b, "GET", "/contexts")
    assert listed[-1] == made
    async with e2b.post(f"/contexts/{made['id']}/restart", headers={"Content-Type": "application/json"}) as response:
        assert (response.status, await response.json()) == (200, None)
    assert await ask(e2b, "DELETE", f"/contexts/{made['id']}") == (200, None)
    _, listed = await ask(e2b, "GET", "/contexts")
    assert made not in listed


async def test_the_default_context_is_listed_before_its_first_use(e2b: Any, tmp_path: Path) -> None:
    _, made = await ask(e2b, "POST", "/contexts")
    default = {"id": "default", "language": "python", "cwd": str(tmp_path)}
    assert await ask(e2b, "GET", "/contexts") == (200, [default, made])
    assert await ask(e2b, "POST", "/contexts/default/restart") == (200, None)


async def test_a_directory_that_does_not_exist_is_told_back(e2b: Any) -> None:
    _, made = await ask(e2b, "POST", "/contexts", {"cwd": "/nowhere/at/all"})
    assert made["cwd"] == "/nowhere/at/all"
    _, listed = await ask(e2b, "GET", "/contexts")
    assert listed[-1] == made


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        (
            "DELETE",
            "/contexts/default",
            None,
            400,
            "Failed to remove context default: cannot delete default context",
        ),
        ("DELETE", "/contexts/x", None, 404, "Context x not found"),
        ("POST", "/contexts/x/restart", None, 404, "Context x not found"),
        (
            "POST",
            "/contexts",
            {"language": "R"},
            500,
            "Failed to create context: the language r is not available here",
        ),
    ],
)
async def test_errors_are_plain_text(e2b: Any, method: str, path: str, body: Any, status: int, text: str) -> None:
    async with e2b.request(method, path, json=body) as response:
        assert (response.status, await response.text()) == (status, text)
        assert response.content_type == "text/plain"
