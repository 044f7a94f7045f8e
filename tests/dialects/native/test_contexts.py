"""Contexts over plain HTTP, over fake workers."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.model.names import NATIVE_PATH

Open = Callable[..., Awaitable[Any]]


async def ask(client: Any, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with client.request(method, NATIVE_PATH + path, json=body) as response:
        return response.status, await response.json()


async def test_a_context_from_its_creation_to_its_end(open_client: Open) -> None:
    client = await open_client()
    status, made = await ask(client, "POST", "/context", {"metadata": {"a": "1"}})
    assert (status, made["active"], made["metadata"]) == (200, True, {"a": "1"})
    assert await ask(client, "GET", f"/context/{made['id']}") == (200, made)
    status, changed = await ask(client, "PATCH", f"/context/{made['id']}", {"metadata": {"a": None, "b": "2"}})
    assert (status, changed["metadata"]) == (200, {"b": "2"})
    assert await ask(client, "POST", f"/context/{made['id']}/interrupt") == (200, {"interrupted": False})
    status, restarted = await ask(client, "POST", f"/context/{made['id']}/restart")
    assert (status, restarted["lost"], restarted["cancelled"]) == (200, [], [])
    assert await ask(client, "DELETE", f"/context/{made['id']}") == (
        200,
        {"message": "Context deleted successfully"},
    )
    assert (await ask(client, "GET", f"/context/{made['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/context/unknown"),
        ("PATCH", "/context/unknown"),
        ("DELETE", "/context/unknown"),
        ("POST", "/context/unknown/interrupt"),
        ("POST", "/context/unknown/restart"),
        ("GET", "/context/default"),
        ("POST", "/context/default/interrupt"),
        ("GET", "/contexts?after=unknown"),
    ],
)
async def test_what_is_not_there_is_not_found(open_client: Open, method: str, path: str) -> None:
    status, body = await ask(await open_client(), method, path, {} if method == "PATCH" else None)
    assert (status, body["code"]) == (404, "context_not_found")


async def test_lists_have_the_default_context_where_they_are_to_have_it(
    open_client: Open, launcher: FakeLauncher
) -> None:
    client = await open_client()
    _, made = await ask(client, "POST", "/context")
    assert (await ask(client, "POST", "/execute", {"code": "pass", "background": True}))[0] == 202
    all_of_them = [it["id"] for it in (await ask(client, "GET", "/contexts"))[1]["contexts"]]
    assert all_of_them == [made["id"], "default"]
    assert [it["id"] for it in (await ask(client, "GET", "/context"))[1]["contexts"]] == [made["id"]]
    _, rest = await ask(client, "GET", f"/contexts?after={made['id']}")
    assert [it["id"] for it in rest["contexts"]] == ["default"]


@pytest.mark.parametrize(("query", "shown"), [("", False), ("?usage=false", False), ("?usage=true", True)])
async def test_usage_is_shown_to_clients_that_ask(
    open_client: Open, monkeypatch: pytest.MonkeyPatch, query: str, shown: bool
) -> None:
    client = await open_client()
    _, made = await ask(client, "POST", "/context")
    assert ("usage" in (await ask(client, "GET", f"/context/{made['id']}{query}"))[1]) is shown
    assert ("usage" in (await ask(client, "GET", f"/contexts{query}"))[1]["contexts"][0]) is shown


@pytest.mark.parametrize("path", ["/contexts?usage=1", "/contexts?label=x", "/context/x?usage=yes"])
async def test_a_question_that_makes_no_sense_is_refused(open_client: Open, path: str) -> None:
    status, body = await ask(await open_client(), "GET", path)
    assert (status, body["code"]) == (400, "malformed_request")
