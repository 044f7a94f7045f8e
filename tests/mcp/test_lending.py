"""``mcp.lending``: code calls the tools of other servers as functions."""

import asyncio
import inspect
import sys
from typing import Any

import mcp_types as types
import pytest
from hosts import lender
from tooling import Tools, structured, told

from interpreterd.mcp import lending as lending_module
from interpreterd.mcp.foreign import ForeignConnection, ForeignServer
from interpreterd.mcp.lending import ForeignToolFailed, Lending, value_of


def result(*texts: str, **more: Any) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text) for text in texts], **more)


@pytest.mark.parametrize(
    ("answered", "value"),
    [
        (result("plain"), "plain"),
        (result('{"a": [1, null]}'), {"a": [1, None]}),
        (result("[not json"), "[not json"),
        (result("a", "b"), ["a", "b"]),
        (result(), None),
        (result("1", structured_content={"result": [1, 2]}), [1, 2]),
        (result("1", structured_content={"result": 1, "more": 2}), {"result": 1, "more": 2}),
    ],
)
def test_a_result_is_a_value(answered: types.CallToolResult, value: Any) -> None:
    assert value_of(answered) == value


def test_a_picture_is_an_object_and_an_error_is_raised() -> None:
    picture = types.CallToolResult(content=[types.ImageContent(data="AA==", mime_type="image/png")])
    assert value_of(picture) == {"type": "image", "data": "AA==", "mimeType": "image/png"}
    with pytest.raises(ForeignToolFailed, match="no luck"):
        value_of(result("no luck", is_error=True))


async def test_code_calls_other_servers_tools(url: str) -> None:
    lending = Lending([lender("search", "fail", "get-user")])
    tools = Tools.at(url, functions=lending)
    try:
        assert "lender.search(query: str, limit: int = 3)" in await lending.description()
        code = "titles = lender.search('x', limit=2)\nuser = lender.get_user(7)\nprint(titles, user['name'])"
        assert told(await tools.run(code)) == "['x 0', 'x 1'] Ada"
        code = "import asyncio\nprint(await asyncio.gather(*(lender.search_async(q, 1) for q in 'ab')))"
        assert told(await tools.run(code)) == "[['a 0'], ['b 0']]"
        code = "try:\n    lender.fail('why')\nexcept Exception as error:\n    print(type(error).__name__, error)"
        assert "it failed: why" in told(await tools.run(code))
        assert "TypeError" in told(await tools.run("lender.search()"))
        refused = await tools.run("lender.secret()")
        assert (refused.is_error, structured(refused)["error"]["name"]) == (True, "AttributeError")
        assert "Search for something." in told(await tools.run("help(lender.search)"))
    finally:
        await tools.toolbox.close()
        await tools.daemon.close()
        await lending.close()


async def test_functions_are_answered_also_while_no_call_waits(url: str) -> None:
    lending = Lending([lender("search")])
    tools = Tools.at(url, functions=lending)
    try:
        begun = await tools.run("import time\ntime.sleep(0.2)\nprint(lender.search('late', 1))", wait=0)
        ended = await tools("wait", execution=structured(begun)["execution"])
        assert told(ended) == "['late 0']"
    finally:
        await tools.toolbox.close()
        await tools.daemon.close()
        await lending.close()


async def test_a_server_that_is_not_there_is_told_and_others_work() -> None:
    lending = Lending([ForeignServer(name="broken", allow=["*"], command="/no/such"), lender("search")])
    try:
        assert "Not available now: broken." in await lending.description()
        functions = (await lending.options())["functions"]
        assert set(functions) == {"lender.search", "lender.search_async"}
        assert inspect.iscoroutinefunction(functions["lender.search_async"])
    finally:
        await lending.close()


async def test_one_server_that_does_not_answer_keeps_no_call_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending_module, "FIRST_WAIT_S", 0.0)
    silent = ForeignServer(name="silent", allow=["*"], command=sys.executable, args=["-c", "open(0).read()"])
    lending = Lending([silent, lender("search")])
    try:
        assert await lending.options() == {}
        assert await lending.description() == " Not available now: silent, lender."
        while not (options := await lending.options()):
            pass  # each turn gives the others one
        assert "lender.search" in options["functions"]
        assert (await lending.description()).endswith(" Not available now: silent.")
    finally:
        await lending.close()


async def test_only_servers_that_have_not_answered_are_asked_again_and_not_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def tools(connection: ForeignConnection) -> list[types.Tool]:
        asked.append(connection.server.name)
        if connection.server.name == "dead":
            raise ConnectionError("it is dead")
        if len(asked) < 3:
            return [None]  # type: ignore[list-item]  # a server can answer anything
        schema = {"type": "object"}
        return [types.Tool(name=name, input_schema=schema) for name in ("find_async", "find", "look")]

    monkeypatch.setattr(ForeignConnection, "tools", tools)
    lending = Lending([ForeignServer(name=name, allow=["*"], command="x") for name in ("dead", "odd")])
    for _ in range(3):
        assert await lending.description() == " Not available now: dead, odd."
    assert asked == ["dead", "odd"]
    lending._ask_again_at = 0
    await lending.lent()
    assert lending._asking is not None
    await lending._asking
    assert asked == ["dead", "odd"] * 2
    lending._ask_again_at = 0
    for _ in range(3):
        await lending.lent()
        await asyncio.sleep(0)
    assert asked == [*["dead", "odd"] * 2, "dead"]
    functions = (await lending.options())["functions"]
    assert not inspect.iscoroutinefunction(functions["odd.find_async"]), "it is a tool"
    assert inspect.iscoroutinefunction(functions["odd.look_async"])
    await lending.close()
