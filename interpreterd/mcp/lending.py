"""Code mode: the tools of other MCP servers as functions that code in a context calls."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import mcp_types as types
import orjson
from attrs import evolve, frozen

from interpreterd.mcp.foreign import ForeignConnection, ForeignServer
from interpreterd.mcp.signatures import ToolSignature, identifier
from interpreterd.model.functions import DECLARED_LIMIT_BYTES, FUNCTION_NAME_LIMIT_CHARS, FUNCTIONS_LIMIT

DOC_LIMIT_CHARS: Final = 2000
SHOWN_LIMIT_CHARS: Final = 4000  # of all functions in the description of run_python
_log = logging.getLogger(__name__)


class ForeignToolFailed(Exception):
    """A tool of another server has answered with an error; the text is the server's."""


@frozen
class Lent:
    """A tool of another server as a function.

    Attributes:
        name: As code calls it: ``github.search``.
    """

    name: str
    doc: str
    signature: ToolSignature
    _call: Callable[[dict[str, Any]], Awaitable[types.CallToolResult]]

    def shortened(self, limit_bytes: int) -> "Lent":
        """Return it with as much of its docstring, and with its signature, as so many bytes hold."""
        signature = self.signature
        if (size := len(str(signature.signature).encode())) > limit_bytes:
            signature, size = signature.loose(), len("(**arguments)")
        doc = self.doc[:DOC_LIMIT_CHARS].encode("utf-8", "replace")[: max(0, limit_bytes - size)]
        return evolve(self, doc=doc.decode("utf-8", "ignore"), signature=signature)

    def functions(self, *, with_async: bool) -> dict[str, Callable[..., Any]]:
        """Return a plain function, and a coroutine function with ``_async`` at the end of its name."""

        async def call(*args: Any, **kwargs: Any) -> Any:
            return value_of(await self._call(self.signature.arguments(args, kwargs)))

        def call_plainly(*args: Any, **kwargs: Any) -> Any:
            return call(*args, **kwargs)  # the client awaits it, and the code waits

        found: dict[str, Callable[..., Any]] = {self.name: call_plainly}
        if with_async:
            found[f"{self.name}_async"] = call
        for function in found.values():
            function.__signature__ = self.signature.signature  # type: ignore[attr-defined]
            function.__doc__ = self.doc
        return found


class Lending:
    """All functions that code gets. The servers are asked for their tools on first use."""

    def __init__(self, servers: Sequence[ForeignServer]) -> None:
        self._connections = [ForeignConnection(server) for server in servers]
        self._lent: Sequence[Lent] | None = None
        self._missing: list[str] = []
        self._asking = asyncio.Lock()

    async def lent(self) -> Sequence[Lent]:
        """Return the tools that code may call, of all servers that answer; ask again for those that did not."""
        async with self._asking:
            if self._lent is None or self._missing:
                self._missing = []
                found = await asyncio.gather(*map(self._tools, self._connections))
                self._lent = _shortened([it for lent in found for it in lent][:FUNCTIONS_LIMIT])
            return self._lent

    async def options(self) -> Mapping[str, Any]:
        """Return the keywords of ``AsyncInterpreter.begin``."""
        lent = await self.lent()
        if not lent:
            return {}
        with_async = 2 * len(lent) <= FUNCTIONS_LIMIT
        return {"functions": {name: it for tool in lent for name, it in tool.functions(with_async=with_async).items()}}

    async def description(self) -> str:
        """Return what a model is told: the functions, with signatures as far as there is room."""
        lent = await self.lent()
        stubs = [f"{it.name}{it.signature.signature}" for it in lent]
        if sum(map(len, stubs)) > SHOWN_LIMIT_CHARS:
            stubs = [it.name for it in lent]
        told = f"Code can call these functions: {'; '.join(stubs)}"[:SHOWN_LIMIT_CHARS] if stubs else ""
        more = ". help(function) tells more; each has an async form, such as `await {0}_async(...)`."
        missing = f" Not available now: {', '.join(self._missing)}." if self._missing else ""
        return (told + more.format(lent[0].name) if lent else "") + missing

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(it.close() for it in self._connections))

    async def _tools(self, connection: ForeignConnection) -> list[Lent]:
        try:
            tools = await connection.tools()
        except ConnectionError as error:
            _log.warning("%s", error)
            self._missing.append(connection.server.name)
            return []
        return list(_named(connection, tools).values())


def _shortened(lent: Sequence[Lent]) -> Sequence[Lent]:
    """Return the tools with docstrings and signatures for which an execution has room, twice."""
    room = DECLARED_LIMIT_BYTES // 2 // max(1, len(lent))
    return [it.shortened(room - 2 * len(it.name) - 64) for it in lent]


def _named(connection: ForeignConnection, tools: Sequence[types.Tool]) -> dict[str, Lent]:
    named: dict[str, Lent] = {}
    for tool in tools:
        name = f"{connection.server.name}.{identifier(tool.name)}"
        if name not in named and len(name) + len("_async") <= FUNCTION_NAME_LIMIT_CHARS:
            doc = inspect.cleandoc(tool.description or "")
            named[name] = Lent(name, doc, ToolSignature.of(tool.input_schema), _caller(connection, tool.name))
    return named


def _caller(connection: ForeignConnection, tool: str) -> Callable[[dict[str, Any]], Awaitable[types.CallToolResult]]:
    async def call(arguments: dict[str, Any]) -> types.CallToolResult:
        return await connection.call(tool, arguments)

    return call


def value_of(result: types.CallToolResult) -> Any:
    """Return a tool's result as a value: its structured content, or its text, which may be JSON; or all its blocks.

    Raises:
        ForeignToolFailed: It is an error.
    """
    blocks = [_block(it) for it in result.content]
    if result.is_error:
        raise ForeignToolFailed("\n".join(it for it in blocks if isinstance(it, str)) or "the tool failed")
    structured = result.structured_content
    if structured is not None:
        # SDKs wrap a value that is no object so.
        only_result = isinstance(structured, dict) and set(structured) == {"result"}
        return structured["result"] if only_result else structured
    values = [_parsed(it) for it in blocks]
    return values[0] if len(values) == 1 else values or None


def _block(block: types.ContentBlock) -> Any:
    if isinstance(block, types.TextContent):
        return block.text
    return block.model_dump(by_alias=True, mode="json", exclude_none=True)


def _parsed(block: Any) -> Any:
    if isinstance(block, str) and block.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(block)
        except ValueError:
            return block
    return block
