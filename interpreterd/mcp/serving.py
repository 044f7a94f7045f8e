"""The server on stdin and stdout, or on HTTP: which daemon, which clients, and for how long."""

import asyncio
import contextlib
import importlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from anyio import EndOfStream
from attrs import frozen
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from interpreterd.mcp.callers import Caller, key_of
from interpreterd.mcp.declared import TIMEOUT_S, instructions, tools
from interpreterd.mcp.resident import ResidentDaemon
from interpreterd.mcp.server import make_server

if TYPE_CHECKING:  # these import the client of the daemon, for which the start does not wait
    from interpreterd.mcp.daemons import DaemonClient
    from interpreterd.mcp.foreign import ForeignServer
    from interpreterd.mcp.lending import Lending
    from interpreterd.mcp.owning import Contexts
    from interpreterd.mcp.toolbox import Toolbox

SWEEP_S: Final = 60.0
KEYS_LIMIT: Final = 10_000  # callers of which is remembered when they were last there


@frozen(kw_only=True)
class McpOptions:
    """How the server behaves.

    Attributes:
        url: The daemon's; None: the usual one if it answers, else a private one.
        local: Whether it is a private one in any case.
        serve_flags: Flags of a private daemon.
        context: The id of a context that all clients use as their own.
        cwd: Where contexts begin; None: in this process's directory if the daemon is private, else in the daemon's.
        sees_all: Whether clients see and touch all contexts of the daemon.
        idle_s: How long contexts stay that no client has used, once their client has gone.
        timeout_s: After which code is interrupted, unless a call says otherwise.
        servers: Other MCP servers, whose tools code can call.
    """

    url: str | None = None
    local: bool = False
    serve_flags: Sequence[str] = ()
    context: str | None = None
    cwd: str | None = None
    sees_all: bool = False
    idle_s: float = 600
    timeout_s: int = TIMEOUT_S
    output_chars: int = 30_000
    image_bytes: int = 256 << 10
    servers: "Sequence[ForeignServer]" = ()


class Service:
    """What one process serves: its tools, its daemon, and its clients.

    Attributes:
        has_gone: Whether the client on stdio has closed its end, or the server on HTTP is about to end. Calls that are
            cancelled from then on do not interrupt their code.
    """

    def __init__(self, options: McpOptions, *, by_stdio: bool, secret: str = "") -> None:
        """``by_stdio``: the process has one client. ``secret`` is the token that all clients send, if there is one."""
        self.has_gone = False
        self._options = options
        self._by_stdio = by_stdio
        self._secret = secret
        self._keys: dict[str, float] = {}
        self._toolbox: Toolbox | None = None
        self._making = asyncio.Lock()
        self._until = contextlib.AsyncExitStack()
        self._resident = ResidentDaemon(options.serve_flags, options.idle_s, os.environ) if by_stdio else None
        self._declared = tools(keeps=by_stdio)
        self._lending = _lending(options.servers)

    def server(self) -> Server[None]:
        """Return the server."""
        return make_server(
            self._declared,
            instructions(keeps=self._by_stdio),
            self.toolbox,
            self.identify,
            lifespan=self.living,
            seen=self._note,
            describe=None if self._lending is None else self._lending.description,
        )

    def identify(self, name: str, request: Any) -> Caller:
        """Return who calls, once there is a ``toolbox``."""
        if self._resident is not None:
            key = key_of("stdio", self._resident.seat)
            return Caller(key, Caller.of(name=name, home=None).name, key)
        session = request.headers.get("mcp-session-id") if request is not None else None
        return Caller.of("http", self._secret, name, name=name, home=session and key_of("session", session))

    def leave(self) -> None:
        """Let code go on whose call is cancelled from now on: not its client has done so."""
        self.has_gone = True

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """At the end of the block, all connections end, and a private daemon without a client."""
        async with self._until:
            if self._lending is not None:
                self._until.push_async_callback(self._lending.close)
            yield

    async def toolbox(self) -> "Toolbox":
        """Return the tools; the first call makes them. Raises OSError if there is no place for them."""
        async with self._making:
            if self._toolbox is None:
                # A thread: it imports much, and other requests need not wait for it.
                await asyncio.to_thread(self._prepare)
                self._toolbox = self._make()
            return self._toolbox

    def _prepare(self) -> None:
        importlib.import_module("interpreterd.mcp.toolbox")
        if self._resident is not None:
            self._resident.take_seat()

    def _make(self) -> "Toolbox":
        from interpreterd.client import LocalDaemon
        from interpreterd.client.link import DEFAULT_URL
        from interpreterd.mcp.daemons import DaemonClient, Private
        from interpreterd.mcp.gathering import Shape
        from interpreterd.mcp.owning import Contexts
        from interpreterd.mcp.toolbox import Toolbox

        options = self._options
        resident = self._resident if options.idle_s else None

        def private() -> Private:
            return resident or LocalDaemon(*options.serve_flags)

        url = None if options.local else options.url or DEFAULT_URL
        daemon = DaemonClient(url, private if options.local or options.url is None else None)
        self._until.push_async_callback(daemon.close)
        contexts = Contexts(sees_all=options.sees_all, shared=options.context, cwd=options.cwd, idle_s=options.idle_s)
        if options.idle_s:
            sweeping = asyncio.create_task(self._sweep(daemon, contexts))
            self._until.callback(sweeping.cancel)
        shape = Shape(output_chars=options.output_chars, image_bytes=options.image_bytes)
        toolbox = Toolbox(
            daemon,
            contexts,
            declared=self._declared,
            shape=shape,
            timeout_s=options.timeout_s,
            functions=self._lending,
            has_gone=lambda: self.has_gone,
        )
        self._until.push_async_callback(toolbox.close)
        return toolbox

    async def _sweep(self, daemon: "DaemonClient", contexts: "Contexts") -> None:
        from interpreterd.client import ClientError

        while True:
            if (py := daemon.opened) is not None:
                with contextlib.suppress(ClientError, RuntimeError):  # the last: the client is closed meanwhile
                    await contexts.sweep(py, self._alive())
            await asyncio.sleep(min(SWEEP_S, self._options.idle_s / 4))

    def _alive(self) -> set[str]:
        """Return the keys of the clients that are there: on stdio the one, else those that have lately called."""
        if self._by_stdio:
            return set(self._keys)
        now = time.monotonic()
        return {key for key, called_at in self._keys.items() if now - called_at < self._options.idle_s}

    def _note(self, caller: Caller) -> None:
        self._keys.pop(caller.key, None)
        self._keys[caller.key] = time.monotonic()
        if len(self._keys) > KEYS_LIMIT:
            del self._keys[next(iter(self._keys))]


def _lending(servers: "Sequence[ForeignServer]") -> "Lending | None":
    if not servers:
        return None
    from interpreterd.mcp.lending import Lending

    return Lending(servers)


class _Watched:
    """The messages of a client on stdio; at their end the service learns that the client has gone."""

    def __init__(self, messages: Any, service: Service) -> None:
        self._messages = messages
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(self._messages, name)

    async def receive(self) -> Any:
        """Return the next message."""
        try:
            return await self._messages.receive()
        except EndOfStream:
            self._service.has_gone = True
            raise

    async def aclose(self) -> None:
        """Read no more."""
        await self._messages.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._messages.__anext__()
        except StopAsyncIteration:
            self._service.has_gone = True
            raise

    async def __aenter__(self) -> Self:
        await self._messages.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        left: bool | None = await self._messages.__aexit__(*error)
        return left


async def serve_stdio(options: McpOptions) -> None:
    """Serve one client on stdin and stdout, until stdin ends."""
    service = Service(options, by_stdio=True)
    server = service.server()
    async with stdio_server() as (reading, writing):
        watched = _Watched(reading, service)
        await server.run(watched, writing, server.create_initialization_options())
