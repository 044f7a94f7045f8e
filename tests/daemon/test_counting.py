"""Executions that do not count, expressions, the history, and an error that stops the queue."""

from typing import Any

from harness import Client
from on_session import Session, open_session


async def run(session: Session, request_id: str, code: str, **keys: Any) -> list[dict[str, Any]]:
    await session.send(op="execute", requestId=request_id, code=code, **keys)
    return await session.wait(request_id)


def counts(events: list[dict[str, Any]]) -> list[int]:
    return [it["executionCount"] for it in events if "executionCount" in it]


async def test_silent_executions_have_output_and_nothing_else(own_client: Client) -> None:
    async with open_session(own_client) as session:
        assert counts(await run(session, "a", "5")) == [1, 1, 1]
        silent = await run(session, "b", "print('out'); 6", silent=True)
        assert [it["type"] for it in silent if it["type"] != "control"] == ["stdout"]
        assert counts(silent) == [1, 1]
        uncounted = await run(session, "c", "_", counted=False)
        assert [it["data"]["text/plain"] for it in uncounted if it["type"] == "result"] == ["5"]
        assert counts(await run(session, "d", "1 / 0")) == [2, 2]
    _, context = await own_client.request("GET", "/context/default")
    assert context["executionCount"] == 2
    _, found = await own_client.request("GET", "/context/default/history?output=true")
    assert found == {
        "cells": [
            {"number": 1, "source": "5", "output": "5"},
            {"number": 2, "source": "1 / 0", "output": None},
        ],
        "omitted": 0,
    }


async def test_the_count_of_a_new_python_begins_again(own_client: Client) -> None:
    async with open_session(own_client) as session:
        await run(session, "a", "x = 1")
        await own_client.request("POST", "/context/default/restart")
        events = await run(session, "b", "y = 1")
        (started,) = [it for it in events if it.get("text") == "started"]
        assert (started["executionCount"], started["workerCount"]) == (2, 1)
    _, found = await own_client.request("GET", "/context/default/history")
    assert [(it["number"], it["source"]) for it in found["cells"]] == [(1, "y = 1")]


async def test_expressions_are_told_on_all_routes(own_client: Client) -> None:
    keys = {"code": "x = 2", "expressions": {"double": "2 * x", "wrong": "nobody"}}
    _, answer = await own_client.request("POST", "/execute", json=keys)
    assert answer["expressions"]["double"]["data"] == {"text/plain": "4"}
    assert answer["expressions"]["wrong"]["error"]["name"] == "NameError"
    async with open_session(own_client) as session:
        events = await run(session, "a", **keys)
    assert [it["name"] for it in events if it["type"] == "evaluated"] == ["double", "wrong"]
    for wrong, code in (({"a": 1}, "malformed_request"), ({str(n): "1" for n in range(65)}, "invalid_request")):
        status, answer = await own_client.request("POST", "/execute", json={"code": "1", "expressions": wrong})
        assert (status, answer["code"]) == (400, code)
        assert answer["error"].startswith("expressions must")


async def test_an_error_cancels_the_waiting_executions_of_its_origin(own_client: Client) -> None:
    async with open_session(own_client) as session:
        code = "input()"
        await session.send(
            op="execute", requestId="first", code=code + "; 1 / 0", stdin=True, origin="ada", stopOnError=True
        )
        asking = await session.wait("first", "started")
        for request_id, origin in (("second", "ada"), ("other", "bob"), ("third", "ada")):
            await session.send(op="execute", requestId=request_id, code=f"print({request_id!r})", origin=origin)
            await session.wait(request_id, "queued")
        execution_id = asking[-1]["executionId"]
        while not any(it["type"] == "inputRequest" for it in session.messages["first"]):
            await session.next()
        await session.send(op="input", requestId="answer", executionId=execution_id, text="")
        for request_id in ("second", "third"):
            end = (await session.wait(request_id))[-1]
            assert (end["text"], end["outcome"], end["code"]) == ("cancelled", "cancelled", "earlier_failed")
        await session.wait("other")
        assert session.output("other") == "other\n"
        await session.send(op="execute", requestId="later", code="print('later')", origin="ada")
        await session.wait("later")
        assert session.output("later") == "later\n"
