"""Looks at a namespace over a real daemon: they take their turn, end in time, and leave the context as it was."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from following import following
from harness import Client, Gate
from posting import post
from standing import SharedDaemon

HOSTILE = """
import time
class Hangs:
    def __dir__(self):
        print('listed', flush=True)
        while True: time.sleep(60)
    def __repr__(self):
        while True: time.sleep(60)
class Raises:
    kept = 1
    def __dir__(self): raise SystemExit
    def __repr__(self): raise KeyboardInterrupt
    def __getattr__(self, name): raise ZeroDivisionError
class Loops:
    kept = 1
    def __getattr__(self, name):
        while True: pass
hangs, raises, loops, plain = Hangs(), Raises(), Loops(), 'plain'
"""


async def look(client: Client, context: str, kind: str, code: str = "", **keys: Any) -> tuple[int, Any]:
    if kind == "variables":
        query = "".join(f"?{key}={value}" for key, value in keys.items())
        return await client.request("GET", f"/context/{context}/variables{query}")
    return await client.request("POST", f"/context/{context}/{kind}", json={"code": code, **keys})


@pytest.fixture
async def hostile(client: Client) -> str:
    context = await client.create()
    assert (await post(client, HOSTILE, contextId=context))["error"] is None
    return context


async def state_is_kept(client: Client, context: str) -> bool:
    return bool((await post(client, "print(plain)", contextId=context))["stdout"] == "plain\n")


async def test_the_four_of_them(client: Client) -> None:
    context = await client.create()
    await post(client, "numbers = [1, 2]\ndef f(a: int) -> str: 'Doc.'", contextId=context)
    assert (await look(client, context, "complete", "numb"))[1] == {
        "matches": ["numbers"],
        "types": ["instance"],
        "cursorStart": 0,
        "cursorEnd": 4,
        "omitted": 0,
    }
    _, told = await look(client, context, "inspect", "f(", detail=1)
    assert (told["found"], told["signature"], told["docstring"]) == (True, "(a: int) -> str", "Doc.")
    assert told["source"] == "def f(a: int) -> str: 'Doc.'\n"
    assert (await look(client, context, "isComplete", "if x:"))[1] == {"status": "incomplete", "indent": "    "}
    _, listed = await look(client, context, "variables")
    assert next((it["name"], it["type"], it["repr"], it["length"]) for it in listed["variables"]) == (
        "numbers",
        "list",
        "[1, 2]",
        2,
    )


async def test_a_cursor_outside_of_the_code_is_named(client: Client) -> None:
    status, body = await look(client, await client.create(), "complete", "über", cursor=5)
    sentence = "cursor must be a number of characters from 0 to 4, the length of code"
    assert (status, body) == (400, {"error": sentence, "code": "invalid_request"})


async def test_a_listing_that_hangs_ends_by_its_timeout(client: Client, hostile: str) -> None:
    status, body = await look(client, hostile, "complete", "hangs.", timeout=1)
    assert (status, body["code"]) == (408, "execution_timed_out")
    assert await state_is_kept(client, hostile)


async def test_a_look_can_be_interrupted(client: Client, hostile: str) -> None:
    async with following(client, f"/context/{hostile}/events", "ndjson") as events:
        asked = asyncio.create_task(look(client, hostile, "complete", "hangs."))
        first = await anext(message async for message in events)
        assert (first["type"], first["text"], first["executionId"]) == ("stdout", "listed\n", None)
        assert (await client.request("POST", f"/context/{hostile}/interrupt"))[1] == {"interrupted": True}
        status, body = await asked
    assert (status, body["code"]) == (409, "execution_interrupted")
    assert await state_is_kept(client, hostile)


async def test_objects_that_raise_or_loop_when_they_are_asked_are_not_asked(client: Client, hostile: str) -> None:
    for code in ("raises.ke", "loops.ke"):
        status, body = await look(client, hostile, "complete", code)
        assert (status, body["matches"]) == (200, ["kept"])
    for code in ("loops.nothing.", "raises.nothing."):
        assert (await look(client, hostile, "complete", code))[1]["matches"] == []
        assert not (await look(client, hostile, "inspect", code[:-1]))[1]["found"]


async def test_a_repr_that_hangs_does_not_hide_the_other_variables(client: Client, hostile: str) -> None:
    status, body = await look(client, hostile, "variables", timeout=1)
    assert status == 200
    found = {it["name"]: it["repr"] for it in body["variables"]}
    assert (found["hangs"], found["plain"]) == (None, "'plain'")
    assert await state_is_kept(client, hostile)


async def test_a_look_waits_for_its_turn_and_no_follower_sees_it(client: Client, gate: Gate) -> None:
    context = await client.create()
    async with following(client, f"/context/{context}/events", "ndjson") as events:
        runs = asyncio.create_task(post(client, f"{gate.wait}\nlater = 1", contextId=context))
        async for message in events:
            if message.get("text") == "started":
                break
        asked = asyncio.create_task(look(client, context, "complete", "late"))
        gate.open()
        assert (await asked)[1]["matches"] == ["later"]
        await runs
        await post(client, "print('end')", contextId=context)
        told = [message["type"] async for message in _until_end(events)]
    assert told.count("submitted") == 1
    assert (await client.request("GET", f"/context/{context}"))[1]["executionCount"] == 2


async def _until_end(events: Any) -> Any:
    async for message in events:
        yield message
        if message.get("text") == "end\n":
            return


async def test_code_that_ends_python_fails_the_look_and_the_next_execution_says_so(client: Client) -> None:
    context = await client.create()
    await post(client, "import os\nclass A:\n  def __dir__(self): os._exit(3)\na = A()", contextId=context)
    status, body = await look(client, context, "complete", "a.")
    assert (status, body["code"]) == (422, "look_failed")
    assert "exit status 3" in body["error"]
    assert (await look(client, context, "variables"))[1] == {"variables": [], "omitted": 0}
    assert (await client.run("pass", context)).controls == ["restarted", "completed"]


async def test_many_names_are_bounded(client: Client) -> None:
    context = await client.create()
    await post(client, "globals().update({f'name{n}': n for n in range(100_000)})", contextId=context)
    _, found = await look(client, context, "complete", "name")
    assert (len(found["matches"]), found["omitted"]) == (1000, 99_000)
    _, listed = await look(client, context, "variables")
    assert (len(listed["variables"]), listed["omitted"]) == (1000, 99_000)


async def test_frames_tell_their_shape_and_columns(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--python", sys.executable).url) as client:
        await frame_is_told(client, await client.create())


async def frame_is_told(client: Client, context: str) -> None:
    await post(client, "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})", contextId=context)
    _, listed = await look(client, context, "variables", timeout=60)
    (frame,) = [it for it in listed["variables"] if it["name"] == "df"]
    assert (frame["type"], frame["shape"], frame["length"]) == ("DataFrame", [2, 2], 2)
    assert frame["dtype"].startswith("int64, ")
    assert frame["size"] > 0
    _, found = await look(client, context, "complete", "df['", timeout=60)
    assert found["matches"] == ["a", "b"]
