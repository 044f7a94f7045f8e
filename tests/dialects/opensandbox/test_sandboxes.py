"""The lifecycle: one sandbox, always running."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

ONE = "/v1/sandboxes/local"


async def answer(box: Any, method: str, path: str, **keys: Any) -> tuple[int, Any]:
    async with box.request(method, path, **keys) as response:
        return response.status, await response.json() if response.content_length else None


async def test_it_is_made_shown_listed_and_left(box: Any) -> None:
    body = {"image": {"uri": "any"}, "metadata": {"a": "b"}, "entrypoint": ["run"], "timeout": 600}
    status, made = await answer(box, "POST", "/v1/sandboxes", json=body)
    assert (status, made["id"], made["metadata"], made["entrypoint"]) == (202, "local", {"a": "b"}, ["run"])
    status, shown = await answer(box, "GET", ONE)
    assert (status, shown["status"]) == (200, {"state": "Running"})
    status, listed = await answer(box, "GET", "/v1/sandboxes")
    assert (status, listed["items"], listed["pagination"]["totalItems"]) == (200, [shown], 1)
    assert await answer(box, "DELETE", ONE) == (204, None)
    assert (await answer(box, "GET", ONE))[0] == 200


@pytest.mark.parametrize("base", ["", "/below"])
async def test_the_address_of_its_daemon_is_the_one_that_the_client_uses(box: Any, base: str) -> None:
    own = f"{box.host}:{box.port}"
    for port in (44772, 18080):
        assert await answer(box, "GET", f"{base}{ONE}/endpoints/{port}") == (200, {"endpoint": own + base})
    assert await answer(box, "GET", f"{base}{ONE}/endpoints/8000") == (200, {"endpoint": f"{box.host}:8000"})
    headers = {"Host": "[::1]"}
    assert (await answer(box, "GET", f"{ONE}/endpoints/80", headers=headers))[1] == {"endpoint": "[::1]:80"}


async def test_a_base_path_may_have_the_name_of_the_route(open_client: Callable[..., Awaitable[Any]]) -> None:
    base = "/sandboxes/of/a"
    client = await open_client(dialects=("opensandbox",), base_path=base)
    told = await answer(client, "GET", f"{base}{ONE}/endpoints/44772")
    assert told == (200, {"endpoint": f"{client.host}:{client.port}{base}"})


async def test_its_end_is_confirmed_and_ignored(box: Any) -> None:
    body = {"expiresAt": "2030-01-01T00:00:00Z"}
    assert await answer(box, "POST", ONE + "/renew-expiration", json=body) == (200, body)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/sandboxes/other", None, 404, "SANDBOX_NOT_FOUND"),
        ("DELETE", "/v1/sandboxes/other", None, 404, "SANDBOX_NOT_FOUND"),
        ("GET", "/v1/sandboxes/other/endpoints/80", None, 404, "SANDBOX_NOT_FOUND"),
        ("POST", "/v1/sandboxes/other/renew-expiration", {}, 404, "SANDBOX_NOT_FOUND"),
        ("POST", ONE + "/renew-expiration", {}, 400, "INVALID_REQUEST_BODY"),
        ("GET", ONE + "/endpoints/x", None, 400, "INVALID_REQUEST"),
        ("GET", ONE + "/endpoints/99999999999999999999", None, 400, "INVALID_REQUEST"),
        ("POST", "/v1/sandboxes", {"metadata": {"a": 1}}, 400, "INVALID_REQUEST_BODY"),
        ("POST", "/v1/sandboxes", {"entrypoint": "run"}, 400, "INVALID_REQUEST_BODY"),
        ("POST", ONE + "/pause", None, 404, "NOT_FOUND"),
    ],
)
async def test_what_is_wrong_is_told(box: Any, method: str, path: str, body: Any, status: int, code: str) -> None:
    got, told = await answer(box, method, path, json=body)
    assert (got, told["code"], bool(told["message"])) == (status, code, True)


async def test_the_sdk_is_told_to_send_its_token_to_the_execution_daemon(
    open_client: Callable[..., Awaitable[Any]],
) -> None:
    client = await open_client()
    path = "/v1/sandboxes/local/endpoints/44772"
    async with client.get(path, headers={"OPEN-SANDBOX-API-KEY": "T"}) as response:
        assert (await response.json())["headers"] == {"X-EXECD-ACCESS-TOKEN": "T"}
    async with client.get(path) as response:
        assert "headers" not in await response.json()
