"""Exceptions of the code: clients of version 1 get the text alone, byte for byte; others get its parts, too."""

import json

from following import following
from harness import Client
from posting import post

from interpreterd.client import AsyncInterpreter

NAMED = """averages = 1
def half(x):
    return x / 0

try:
    half(1)
except Exception as error:
    raise KeyError(average) from error"""


async def test_version_1_sees_the_text_alone(client: Client) -> None:
    result = await client.run("1 / 0")
    assert result.error is not None
    assert list(result.error) == ["type", "name", "value", "traceback"]


async def test_every_way_to_an_error_tells_its_parts(client: Client) -> None:
    context = await client.create()
    answer = await post(client, NAMED, contextId=context)
    error = answer["error"]
    assert (error["name"], error["suggestion"]) == ("NameError", "Did you mean: 'averages'?")
    cell = {"cell": 1, "line": 8, "function": "<module>", "source": "    raise KeyError(average) from error"}
    (frame,) = error["frames"]
    assert frame | cell == frame
    assert frame["source"][frame["column"] : frame["endColumn"]] == "average"
    linked = error["context"]
    assert [(it["cell"], it["line"], it["function"]) for it in linked["frames"]] == [(1, 6, "<module>"), (1, 3, "half")]
    status, shown = await client.request("GET", f"/executions/{answer['executionId']}")
    assert (status, shown["error"]) == (200, error)
    async with following(client, f"/executions/{answer['executionId']}/events", "ndjson") as events:
        told = [message async for message in events if message["type"] == "error"]
    result = await client.run(NAMED, context, events="v2")
    assert result.error is not None
    assert result.error["frames"][0]["cell"] == 2
    del told[0]["executionId"], told[0]["seq"], told[0]["type"]
    assert told == [error]


async def test_a_cell_keeps_its_number_in_later_errors(client: Client) -> None:
    context = await client.create()
    await post(client, "pass", contextId=context)
    await post(client, "def fail(): 1 / 0", contextId=context)
    await client.request("POST", f"/context/{context}/restart")
    await post(client, "def fail(): 1 / 0", contextId=context)
    error = (await post(client, "fail()", contextId=context))["error"]
    assert [(it["cell"], it["line"]) for it in error["frames"]] == [(4, 1), (3, 1)]


async def test_a_timeout_tells_where_the_code_was(client: Client) -> None:
    error = (await post(client, "def wait():\n    while True: pass\nwait()", timeout=1))["error"]
    assert (error["name"], error["frames"][-1]["function"]) == ("TimeoutError", "wait")
    died = (await post(client, "import os; os._exit(3)"))["error"]
    assert list(died) == ["name", "value", "traceback"]


async def test_the_python_client_has_them_as_objects(url: str) -> None:
    async with AsyncInterpreter(url) as py:
        error = (await py.execute(NAMED)).error
        assert error is not None
        assert error.suggestion == "Did you mean: 'averages'?"
        assert (error.frames[0].line, error.frames[0].function) == (8, "<module>")
        assert error.context is not None
        assert [frame.function for frame in error.context.frames] == ["<module>", "half"]
        assert not error.suppress_context
        grouped = "e = ExceptionGroup('g', [ValueError('a')])\ne.add_note('n')\nraise e"
        error = (await py.execute(grouped)).error
        assert error is not None
        assert (error.notes, [it.name for it in error.exceptions]) == (("n",), ["ValueError"])


async def test_an_error_of_the_greatest_size_arrives(client: Client) -> None:
    code = (
        "def deep(n):\n  try:\n    deep(n - 1) if n else 1 / 0\n"
        "  except Exception:\n    raise ValueError('\\x01' * 200_000)\ndeep(40)"
    )
    result = await client.run(code, events="v2")
    assert result.error is not None
    assert len(result.error["context"]["frames"]) > 1
    assert len(json.dumps(result.error)) < 1 << 20
