"""Other MCP servers: the file that names them, and a connection to each, which is made again when it has ended."""

import asyncio
import contextlib
import fnmatch
import logging
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import mcp_types as types
import orjson
from attrs import field, frozen
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from interpreterd.mcp.signatures import identifier

FOREIGN_CONNECT_TIMEOUT_S: Final = 20.0
CALL_TIMEOUT_S: Final = 600.0
TOOLS_LIMIT: Final = 1000  # of one server
SESSION_NOT_FOUND: Final = -32001  # of the SDK for TypeScript
_log = logging.getLogger(__name__)


class WrongServers(ValueError):
    """The file of servers is wrong; the text names the place."""


@frozen(kw_only=True)
class ForeignServer:
    """Another server, as the file names it.

    Attributes:
        name: In code: an identifier.
        allow: Which of its tools code may call: names, or patterns such as ``get_*``.
    """

    name: str
    allow: Sequence[str]
    command: str | None = None
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(factory=dict, repr=False)
    cwd: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    def allows(self, tool: str) -> bool:
        """Return whether code may call the tool."""
        return any(fnmatch.fnmatchcase(tool, pattern) for pattern in self.allow)


def read_servers(path: Path) -> list[ForeignServer]:
    """Return the servers of a file as hosts have it: ``{"mcpServers": {name: {command, args, env}}}``.

    A server may have ``url`` and ``headers`` instead. Each has ``allow``, too. Raises ``WrongServers``.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise WrongServers(f"{path} cannot be read: {reason}") from None
    servers = None
    if isinstance(content, dict):
        servers = content.get("mcpServers", content.get("servers"))
    if not isinstance(servers, dict) or not all(isinstance(it, dict) for it in servers.values()):
        raise WrongServers(f'{path} must have an object "mcpServers", which has an object for each server')
    found = [_server(name, it) for name, it in servers.items()]
    if len({it.name for it in found}) < len(found):
        raise WrongServers(f"{path}: two servers have the same name in Python")
    return found


def _server(name: str, given: Mapping[str, Any]) -> ForeignServer:
    def text(key: str) -> str | None:
        value = given.get(key)
        if value is not None and not isinstance(value, str):
            raise WrongServers(f"{name}: {key} must be a string")
        return value

    def texts(key: str) -> list[str]:
        value = given.get(key, [])
        if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
            raise WrongServers(f"{name}: {key} must be a list of strings")
        return value

    def pairs(key: str) -> dict[str, str]:
        value = given.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(it, str) for it in value.values()):
            raise WrongServers(f"{name}: {key} must be an object whose values are strings")
        return value

    command, url = text("command"), text("url")
    if (command is None) == (url is None):
        raise WrongServers(f"{name}: it must have either command or url")
    if "allow" not in given:
        raise WrongServers(f'{name}: it must have "allow", the tools that code may call: names, or ["*"] for all')
    return ForeignServer(
        name=identifier(name),
        allow=texts("allow"),
        command=command,
        args=texts("args"),
        env=pairs("env"),
        cwd=text("cwd"),
        url=url,
        headers=pairs("headers"),
    )


class ForeignConnection:
    """A connection to another server, which is opened on first use, and again after it has ended."""

    def __init__(self, server: ForeignServer) -> None:
        self.server = server
        self._opening = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._client: Client | None = None

    async def tools(self) -> list[types.Tool]:
        """Return the tools that code may call. Raises ``ConnectionError`` if the server does not answer."""
        client = await self._open()
        found: list[types.Tool] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(FOREIGN_CONNECT_TIMEOUT_S):
                while len(found) < TOOLS_LIMIT:
                    page = await client.list_tools(cursor=cursor)
                    found += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except Exception as error:
            raise ConnectionError(f"the server {self.server.name} does not list its tools: {error}") from error
        return [tool for tool in found[:TOOLS_LIMIT] if self.server.allows(tool.name)]

    async def call(self, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Call a tool. Raises what the SDK raises; the next call connects again if the connection has ended.

        A call that the server has refused as its session has expired is made once more, in a new session.
        """
        client = await self._open()
        try:
            return await self._call(client, tool, arguments)
        except MCPError as error:
            if not self._has_expired(error):
                raise
        return await self._call(await self._open(), tool, arguments)

    async def _call(self, client: Client, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await client.call_tool(tool, arguments)
        except MCPError as error:
            is_over = error.code == types.CONNECTION_CLOSED or self._has_expired(error)
            if is_over and client is self._client:
                await self.close()
            raise

    def _has_expired(self, error: MCPError) -> bool:
        # The SDK's "Session terminated", or what servers say with status 404: mostly "Session not found".
        is_refused = error.code in (types.INVALID_REQUEST, SESSION_NOT_FOUND)
        return self.server.url is not None and is_refused and "session" in error.message.lower()

    async def close(self) -> None:
        """End it."""
        self._client = None
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._running

    async def _open(self) -> Client:
        async with self._opening:
            if self._client is None or self._running is None or self._running.done():
                ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
                # A task of its own: the SDK's client must be left in the task that has entered it.
                self._running = asyncio.create_task(self._run(ready))
                try:
                    async with asyncio.timeout(FOREIGN_CONNECT_TIMEOUT_S):
                        self._client = await ready
                except Exception as error:
                    await self.close()
                    reason = error if str(error) else f"no answer within {FOREIGN_CONNECT_TIMEOUT_S:g} s"
                    raise ConnectionError(f"the server {self.server.name} cannot be reached: {reason}") from None
                except BaseException:
                    await self.close()
                    raise
            return self._client

    async def _run(self, ready: "asyncio.Future[Client]") -> None:
        try:
            async with self._connected() as client:
                ready.set_result(client)
                await asyncio.Event().wait()
        except Exception as error:
            _log.warning("the server %s: %s", self.server.name, _first(error))
            if not ready.done():
                ready.set_exception(ConnectionError(str(_first(error))))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        server = self.server
        async with contextlib.AsyncExitStack() as stack:
            if server.command is not None:
                parameters = StdioServerParameters(
                    command=server.command, args=list(server.args), env=dict(server.env), cwd=server.cwd
                )
                transport = stdio_client(parameters, errlog=sys.stderr)
            else:
                assert server.url is not None
                http = await stack.enter_async_context(
                    httpx2.AsyncClient(
                        headers=dict(server.headers),
                        timeout=httpx2.Timeout(CALL_TIMEOUT_S, connect=FOREIGN_CONNECT_TIMEOUT_S),
                    )
                )
                transport = streamable_http_client(server.url, http_client=http)
            yield await stack.enter_async_context(Client(transport))


def _first(error: BaseException) -> BaseException:
    """Return the exception within groups of one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
