"""Code mode: the tools of other MCP servers as functions that code in a context calls."""

import asyncio
import contextlib
import inspect
import logging
import math
import time
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
FIRST_WAIT_S: Final = 5.0  # for servers, in the first call; later calls take the functions that are there
RETRY_S: Final = 60.0  # between two times that servers are asked which have not answered
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
    """All functions that code gets. The servers are asked for their tools on first use, in a task of its own.

    Servers that have not answered are asked again on use, ``RETRY_S`` after that has ended.
    """

    def __init__(self, servers: Sequence[ForeignServer]) -> None:
        self._connections = [ForeignConnection(server) for server in servers]
        self._found: dict[str, Sequence[Lent]] = {}
        self._lent: Sequence[Lent] = ()
        self._asking: asyncio.Task[None] | None = None
        self._ask_again_at = -math.inf
        self._first_end = math.inf
        self._asked = asyncio.Event()

    async def lent(self) -> Sequence[Lent]:
        """Return the tools that code may call, of all servers that have answered so far."""
        now = time.monotonic()
        if self._asking is None and self._missing and now >= self._ask_again_at:
            self._first_end = min(self._first_end, now + FIRST_WAIT_S)
            self._asking = asyncio.create_task(self._ask())
        if not self._asked.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._first_end - now)):
                    await self._asked.wait()
        return self._lent

    async def options(self) -> Mapping[str, Any]:
        """Return the keywords of ``AsyncInterpreter.begin``."""
        lent = await self.lent()
        if not lent:
            return {}
        with_async = 2 * len(lent) <= FUNCTIONS_LIMIT
        forms = {name: it for tool in lent for name, it in tool.functions(with_async=with_async).items()}
        # A tool may have the name of another one's async form, which there is not then.
        plain = {name: it for tool in lent for name, it in tool.functions(with_async=False).items()}
        return {"functions": forms | plain}

    async def description(self) -> str:
        """Return what a model is told: the functions, with signatures as far as there is room."""
        lent = await self.lent()
        stubs = [f"{it.name}{it.signature.signature}" for it in lent]
        if sum(map(len, stubs)) > SHOWN_LIMIT_CHARS:
            stubs = [it.name for it in lent]
        told = f"Code can call these functions: {'; '.join(stubs)}"[:SHOWN_LIMIT_CHARS] if stubs else ""
        more = ". help(function) tells more; each has an async form, such as `await {0}_async(...)`."
        names = ", ".join(it.server.name for it in self._missing)
        missing = f" Not available now: {names}." if names else ""
        return (told + more.format(lent[0].name) if lent else "") + missing

    async def close(self) -> None:
        """End all connections."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await asyncio.gather(*(it.close() for it in self._connections))

    @property
    def _missing(self) -> list[ForeignConnection]:
        return [it for it in self._connections if it.server.name not in self._found]

    async def _ask(self) -> None:
        try:
            await asyncio.gather(*map(self._take, self._missing))
        finally:
            self._asked.set()
            self._ask_again_at = time.monotonic() + RETRY_S
            self._asking = None

    async def _take(self, connection: ForeignConnection) -> None:
        name = connection.server.name
        try:
            self._found[name] = list(_named(connection, await connection.tools()).values())
        except ConnectionError as error:
            _log.warning("%s", error)
            return
        except Exception as error:  # it can answer anything
            _log.warning("the server %s lists what are no tools: %s", name, error)
            return
        found = [it for server in self._connections for it in self._found.get(server.server.name, ())]
        self._lent = _shortened(found[:FUNCTIONS_LIMIT])


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
