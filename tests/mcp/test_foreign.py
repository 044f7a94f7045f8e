"""``mcp.foreign``: the file of servers is checked, and a connection is made again after its end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from hosts import lender
from mcp.shared.exceptions import MCPError

from interpreterd.mcp.foreign import ForeignConnection, ForeignServer, WrongServers, read_servers


def test_a_file_of_servers_is_read_as_hosts_have_it(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    servers = {
        "git-hub": {"command": "x", "args": ["y"], "env": {"TOKEN": "z"}, "allow": ["search", "get_*"]},
        "web": {"url": "http://127.0.0.1:1/mcp", "headers": {"A": "b"}, "allow": ["*"], "more": 1},
    }
    path.write_text(json.dumps({"mcpServers": servers}))
    first, second = read_servers(path)
    assert (first.name, first.command, first.args, first.env) == ("git_hub", "x", ["y"], {"TOKEN": "z"})
    assert [first.allows(tool) for tool in ("search", "get_user", "delete")] == [True, True, False]
    assert (second.url, second.headers, second.allows("anything")) == ("http://127.0.0.1:1/mcp", {"A": "b"}, True)
    assert "TOKEN" not in repr(first)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read: "),
        ("[]", 'must have an object "mcpServers"'),
        ('{"mcpServers": {"a": 1}}', 'must have an object "mcpServers"'),
        ('{"mcpServers": {"a": {"command": "x"}}}', 'a: it must have "allow"'),
        ('{"mcpServers": {"a": {"allow": []}}}', "a: it must have either command or url"),
        ('{"mcpServers": {"a": {"allow": "x", "url": "y"}}}', "a: allow must be a list of strings"),
        ('{"mcpServers": {"a": {"allow": [], "url": 1}}}', "a: url must be a string"),
        ('{"mcpServers": {"a": {"allow": [], "url": "x", "headers": []}}}', "a: headers must be an object"),
        ('{"mcpServers": {"a-b": {"allow": [], "url": "x"}, "a_b": {"allow": [], "url": "x"}}}', "two servers have"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    path.write_text(content)
    with pytest.raises(WrongServers) as caught:
        read_servers(path)
    assert said in str(caught.value)
    with pytest.raises(WrongServers, match="No such file"):
        read_servers(tmp_path / "none.json")


async def test_only_allowed_tools_are_listed_and_a_server_that_has_ended_is_started_again() -> None:
    connection = ForeignConnection(lender("s*h", "leave"))
    try:
        assert [it.name for it in await connection.tools()] == ["search", "leave"]
        result: Any = await connection.call("search", {"query": "x", "limit": 1})
        assert result.structured_content == {"result": ["x 0"]}
        with pytest.raises(MCPError, match="Connection closed"):
            await connection.call("leave", {})
        result = await connection.call("search", {"query": "y", "limit": 1})
        assert result.structured_content == {"result": ["y 0"]}
    finally:
        await connection.close()


async def test_a_server_that_does_not_start_is_one_sentence() -> None:
    connection = ForeignConnection(ForeignServer(name="broken", allow=["*"], command="/no/such/program"))
    with pytest.raises(ConnectionError, match="the server broken cannot be reached: "):
        await connection.tools()
    await connection.close()


class Sessions(ForeignConnection):
    """A connection over HTTP to a server that has forgotten so many sessions, and is then well."""

    def __init__(self, *refusals: MCPError) -> None:
        super().__init__(ForeignServer(name="web", allow=["*"], url="http://127.0.0.1:1/mcp"))
        self.refusals = list(refusals)
        self.made = self.ended = 0

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        self.made += 1
        try:
            yield self
        finally:
            self.ended += 1

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> str:
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        return tool


@pytest.mark.parametrize("code", [types.INVALID_REQUEST, -32001])
async def test_a_call_whose_session_has_expired_is_made_in_a_new_one_once(code: int) -> None:
    expired = MCPError(code, "Session terminated")
    connection = Sessions(expired)
    assert await connection.call("search", {}) == "search"  # type: ignore[comparison-overlap]
    assert (connection.made, connection.ended) == (2, 1)
    connection.refusals = [expired, expired]
    with pytest.raises(MCPError, match="Session terminated"):
        await connection.call("search", {})
    assert (connection.made, connection.ended) == (3, 3)
    await connection.close()


async def test_a_call_that_is_refused_otherwise_is_made_once() -> None:
    connection = Sessions(MCPError(types.INVALID_REQUEST, "no such thing"))
    with pytest.raises(MCPError, match="no such thing"):
        await connection.call("search", {})
    assert (connection.made, connection.ended) == (1, 0)
    await connection.close()


async def test_a_connection_that_nobody_waits_for_any_more_is_given_up() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    class Silent(Sessions):
        @contextlib.asynccontextmanager
        async def _connected(self) -> AsyncIterator[Any]:
            begun.set()
            try:
                await asyncio.Event().wait()
                yield self
            finally:
                ended.set()

    asking = asyncio.create_task(Silent().tools())
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()
