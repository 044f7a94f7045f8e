"""Walks along the routes of host functions: every answer that openapi.json describes."""

from typing import Any

from described import Walk


async def calls(walk: Walk) -> None:
    """Walk along what a daemon answers to the client whose functions code calls."""
    request = {"code": "search('x')", "functions": [{"name": "search"}], "background": True}
    calling = (await walk("execute", 202, json=request))["id"]
    while not (waiting := (await walk("listCalls", 200, id=calling))["calls"]):
        pass
    answer: dict[str, Any] = {"id": calling, "call": waiting[0]["callId"], "json": {"value": 1}}
    await walk("answerCall", 404, "call_not_found", **{**answer, "call": "7"})
    await walk("answerCall", 404, "execution_not_found", json={"value": 1})
    await walk("answerCall", 400, "malformed_request", **{**answer, "json": {}})
    await walk("answerCall", 400, "invalid_request", **{**answer, "json": {"error": {"name": "E" * 20_000}}})
    assert [(await walk("answerCall", 200, **answer))["did"] for _ in range(2)] == ["accepted", "idle"]
