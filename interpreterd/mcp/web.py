"""The server over HTTP: on this machine alone, or with a token; no web page can use it."""

import asyncio
import contextlib
import hmac
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings

PATH: Final = "/mcp"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
ANY_ADDRESS: Final = ("0.0.0.0", "::", "")
SHUTDOWN_S: Final = 2
MAX_SESSIONS: Final = 1000
_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
Application = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class Guarded:
    """An ASGI application that refuses strangers before it asks the other one."""

    def __init__(self, application: Application, *, hosts: Collection[str] | None, token: str | None) -> None:
        """Take requests for ``hosts``, or for any host if that is None, with ``token``, if there is one.

        An ``Origin`` must be of this machine, or one of ``hosts``.
        """
        self._application = application
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        self._token = token

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """ToolAnswer a request."""
        if scope["type"] == "http" and (refused := self._refusal(scope)) is not None:
            status, reason = refused
            await _refuse(send, status, reason)
            return
        await self._application(scope, receive, send)

    def _refusal(self, scope: _Scope) -> tuple[int, str] | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self._hosts is not None and _name(f"//{host}") not in self._hosts:
            return 421, f"the Host {host[:200]!r} is not this server's; --allow-host allows it"
        origin = headers.get("origin")
        if origin is not None and _name(origin) not in {*LOOPBACK, *(self._hosts or ())}:
            return 403, f"the Origin {origin[:200]!r} is not allowed; --allow-host allows it"
        if self._token is not None:
            kind, _, token = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(token.strip().encode("latin-1"), self._token.encode())
            if kind.lower() != "bearer" or not right:
                return 401, "the request needs the header Authorization: Bearer, with the token of this server"
        return None


def _name(url: str) -> str:
    """Return the host in a URL; an empty text if it has none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


async def _refuse(send: _Send, status: int, reason: str) -> None:
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": reason}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Quiet(uvicorn.Server):
    """A server that a signal ends with status 0; uvicorn's own ends by the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop."""
        yield

    def end(self) -> None:
        """End it; a second call does not wait for clients."""
        self.force_exit = self.should_exit
        self.should_exit = True


def application(server: Server[None], *, host: str, token: str | None, names: Collection[str]) -> Application:
    """Return the ASGI application of ``server``, which listens on ``host``; ``names`` are those of it besides."""
    # The guard checks more, and for every address.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    inner = server.streamable_http_app(
        streamable_http_path=PATH, transport_security=security, host=host, max_sessions=MAX_SESSIONS
    )
    is_open = host in ANY_ADDRESS and token is not None and not names
    hosts = None if is_open else {*LOOPBACK, host, *names}
    return Guarded(inner, hosts=hosts, token=token)


def may_listen(host: str, token: str | None) -> bool:
    """Return whether it may listen on ``host``: without a token on this machine's own addresses alone."""
    return bool(token) or host in LOOPBACK or host.startswith("127.")


async def serve_http(
    server: Server[None],
    *,
    host: str,
    port: int,
    token: str | None,
    names: Collection[str],
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serve any number of clients until a signal; print one JSON line with the URL first.

    ``ending`` is called at the signal, before calls are cancelled.

    Raises:
        OSError: It cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.create_server((host, port), family=family, backlog=1024)) as listening:
        app: Any = application(server, host=host, token=token, names=names)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", ws="none", timeout_graceful_shutdown=SHUTDOWN_S
        )
        reachable = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
        shown = f"[{reachable}]" if ":" in reachable else reachable
        bound = listening.getsockname()[1]
        print(orjson.dumps({"url": f"http://{shown}:{bound}{PATH}", "port": bound}).decode(), flush=True)
        listener = Quiet(config)

        def end() -> None:
            ending()
            listener.end()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)
        with contextlib.redirect_stdout(sys.stderr):
            await listener.serve(sockets=[listening])
