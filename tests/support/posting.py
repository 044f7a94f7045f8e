"""Executions over plain HTTP."""

from typing import Any

from following import following, until
from harness import Client


async def post(client: Client, code: str, **keys: Any) -> dict[str, Any]:
    """Run code; return the JSON answer."""
    status, body = await client.request("POST", "/execute", json={"code": code, **keys})
    assert status == 200, body
    assert isinstance(body, dict)
    return body


async def start(client: Client, code: str, **keys: Any) -> str:
    """Start an execution in the background; return its id."""
    status, body = await client.request("POST", "/execute", json={"code": code, "background": True, **keys})
    assert status == 202, body
    return str(body["id"])


async def wait(client: Client, execution_id: str, text: str = "") -> list[dict[str, Any]]:
    """Return an execution's events up to the text ``text``, or to its end."""
    async with following(client, f"/executions/{execution_id}/events", "ndjson") as events:
        return await until(events, text) if text else [message async for message in events]


async def show(client: Client, execution_id: str) -> dict[str, Any]:
    status, body = await client.request("GET", f"/executions/{execution_id}")
    assert status == 200, body
    assert isinstance(body, dict)
    return body


async def states(client: Client, context: str = "default") -> list[tuple[str, str]]:
    """Return the ids and states of a context's executions."""
    status, body = await client.request("GET", f"/context/{context}/executions")
    assert status == 200, body
    return [(execution["id"], execution["state"]) for execution in body["executions"]]


async def interrupt(client: Client, execution_id: str) -> Any:
    status, body = await client.request("POST", f"/executions/{execution_id}/interrupt")
    assert status == 200
    return body
