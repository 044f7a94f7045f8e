"""Accepts connections that begin with something other than HTTP: a header of the PROXY protocol, a handshake of TLS.

The event loop's own server, for all other sockets, does neither read such a header before the handshake, nor limit how
many handshakes go on, nor change its certificate.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from interpreterd.http import proxy_protocol
from interpreterd.http.connections import Connections
from interpreterd.http.incoming import IncomingConnection
from interpreterd.http.peers import is_trusted, peer_of
from interpreterd.http.settings import HttpSettings

ACCEPTED_AT_ONCE: Final = 64  # connections that are accepted in one turn of the loop
BEGINNING_LIMIT: Final = 1024  # connections without a whole header and handshake; one more ends the oldest
FULL_PAUSE_S: Final = 0.2  # without descriptors
GLANCE_S: Final = 0.01  # between two looks at a header of which a part has come
TLS_END_S: Final = 2.0  # for the client to answer the end of TLS
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_log = logging.getLogger(__name__)


class Acceptor:
    """Accepts the connections of one listening socket, which it owns, until ``close``.

    ``context`` returns that of TLS for the next connection; None for none.
    """

    def __init__(
        self,
        sock: socket.socket,
        connections: Connections,
        settings: HttpSettings,
        context: Callable[[], ssl.SSLContext | None],
    ) -> None:
        self._sock = sock
        self._connections = connections
        self._settings = settings
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._beginning: dict[asyncio.Task[None], socket.socket] = {}  # the oldest first
        self._pause: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        self._go_on()

    def close(self) -> None:
        """Accept no more. Connections that have begun go on."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, name = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                _log.warning("a connection cannot be accepted: %s", error.strerror)
                self._loop.remove_reader(self._sock)
                self._pause = self._loop.call_later(FULL_PAUSE_S, self._go_on)
                return
            sock.setblocking(False)
            if len(self._beginning) >= BEGINNING_LIMIT:
                next(iter(self._beginning)).cancel()
            task = self._loop.create_task(self._begin(sock, peer_of(name)))
            self._beginning[task] = sock
            task.add_done_callback(self._beginning.pop)

    async def _begin(self, sock: socket.socket, peer: str) -> None:
        """Make ``sock`` a connection that speaks HTTP, or close it."""
        try:
            async with asyncio.timeout(self._settings.head_timeout_s):
                trusted = is_trusted(peer, self._settings.trusted_proxy)
                proxied = await self._read_header(sock) if trusted else None
                if sock.family != socket.AF_UNIX:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                context = self._context()
                patience_s = None if context is None else self._settings.head_timeout_s
                await self._loop.connect_accepted_socket(
                    lambda: self._make(proxied),
                    sock,
                    ssl=context,
                    ssl_handshake_timeout=patience_s,
                    ssl_shutdown_timeout=None if context is None else TLS_END_S,
                )
        except (OSError, TimeoutError, proxy_protocol.ProxyHeaderError) as error:
            _log.debug("a connection of %s has not come to a request: %s", peer, str(error) or type(error).__name__)
            sock.close()
        except BaseException:
            sock.close()
            raise

    def _make(self, proxied: str | None) -> IncomingConnection:
        connection = self._connections()
        connection.proxied = proxied
        return connection

    async def _read_header(self, sock: socket.socket) -> str | None:
        """Take a header of the PROXY protocol from ``sock``; return the client that it names. Raises if it is none.

        It is looked at, and taken only when it is whole: not a byte of what follows is.
        """
        while True:
            await self._readable(sock)
            seen = sock.recv(proxy_protocol.V2_LIMIT_BYTES, socket.MSG_PEEK)
            if not seen:
                raise ConnectionAbortedError("it has ended")
            header = proxy_protocol.parse_header(seen)
            if header == "none":
                return None
            if header != "more":
                sock.recv(header.size)
                return header.client
            await asyncio.sleep(GLANCE_S)

    async def _readable(self, sock: socket.socket) -> None:
        readable = self._loop.create_future()
        self._loop.add_reader(sock, _settle, readable)
        try:
            await readable
        finally:
            with contextlib.suppress(ValueError):  # it has been closed
                self._loop.remove_reader(sock)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
