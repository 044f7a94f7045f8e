"""The sockets that the daemon listens on: made here, passed by systemd, or taken over from an earlier daemon."""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field

from interpreterd import unix
from interpreterd.http.accepting import Acceptor
from interpreterd.http.connections import Connections
from interpreterd.http.settings import UNIX, HttpSettings, joined_address, split_address
from interpreterd.setting_kinds import SettingError

WITHOUT_AN_ADDRESS: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)  # "localhost" may mean ::1 on a machine without
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_log = logging.getLogger(__name__)


class CannotListen(Exception):
    """An address cannot be listened on: the message says which and why."""


@define
class OwnSocket:
    """A listening socket.

    Attributes:
        name: The address of the settings, or the name by which it was passed.
        at: Where it listens: ``HOST:PORT``, with an address and the real port, or ``unix:PATH``.
        stop: Ends accepting.
    """

    name: str
    sock: socket.socket
    at: str
    stop: Callable[[], None] = field(repr=False)


class Listeners:
    """All sockets on which a daemon listens. A context manager, which removes the paths that it has made.

    Attributes:
        listeners: In the order of ``open``.
        handed_over: Whether another daemon has taken them: it then removes the paths.
    """

    def __init__(self, settings: HttpSettings, connections: Connections, bound: list[str]) -> None:
        """Give the accepted to ``connections``, and note in ``bound`` where they come from."""
        self.listeners: list[OwnSocket] = []
        self.handed_over = False
        self._settings = settings
        self._connections = connections
        self._bound = bound
        self._tls: ssl.SSLContext | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Listeners":
        """Be ready to ``open``."""
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._stack.close()

    def read_certificates(self) -> None:
        """Use the files of the settings, as they are now, from now on; raise ``SettingError`` without a change."""
        if self._settings.tls_cert:
            from interpreterd.http.tls import server_context

            self._tls = server_context(self._settings)

    async def reload(self) -> None:
        """Read the certificates again; if they cannot be used, the ones before stay in use."""
        try:
            self.read_certificates()
        except SettingError as error:
            _log.error("the certificates stay as they were: %s", error)
        else:
            _log.info("the certificates have been read again")

    async def open(self, inherited: Sequence[tuple[str, int]] = ()) -> None:
        """Listen on all addresses of the settings, and on the ``inherited`` sockets: names, and descriptors.

        A socket that has an address as its name is that address's, which is not bound again.

        Raises:
            CannotListen: The sockets that were opened before stay open, until the end of the block.
        """
        self.read_certificates()
        passed = [(name, _inherit(name, fd)) for name, fd in inherited]
        addresses = self._settings.addresses(others=any(":" not in name for name, _ in passed))
        for address in addresses:
            own = [sock for name, sock in passed if name == address]
            try:
                for sock in own or await self._bind(address):
                    await self._accept(address, sock)
                if address.startswith(UNIX):
                    path = address.removeprefix(UNIX)
                    self._stack.enter_context(unix.removing(path, unless=lambda: self.handed_over))
            except (OSError, UnicodeError) as error:  # UnicodeError: a name that the domain name system cannot hold
                raise CannotListen(self._explain(address, error)) from None
        for name, sock in passed:
            if name in addresses:
                continue
            if ":" in name:  # an earlier daemon's, which the settings no longer have
                sock.close()
            else:
                await self._accept(name, sock)

    def stop(self) -> None:
        """Accept no more."""
        for listener in self.listeners:
            listener.stop()
            listener.sock.close()
        self.listeners.clear()

    @property
    def ports(self) -> frozenset[int]:
        """The ports on which it listens."""
        return frozenset(split_address(it.at)[1] for it in self.listeners if not it.at.startswith(UNIX))

    def all_in_words(self) -> list[str]:
        """Return where it listens, for the log."""
        words = []
        for listener in self.listeners:
            host, port = ("", 0) if listener.at.startswith(UNIX) else split_address(listener.at)
            words.append(f"{host} port {port}" if port else listener.at.removeprefix(UNIX))
        return words

    @property
    def url(self) -> tuple[str, int | None]:
        """The URL, and the port, of the first address."""
        at = self.listeners[0].at
        if at.startswith(UNIX):
            return at, None
        host, port = split_address(at)
        host = self._reachable(host)
        return f"http{'s' if self._settings.tls_cert else ''}://{joined_address(host, port)}", port

    def _reachable(self, host: str) -> str:
        """Return what a client on this machine uses for ``host``: the name of the settings, if that is a name."""
        main = self._settings
        if main.host and self.listeners[0].name == main.main:
            host = main.host
        return _REACHABLE.get(host, host)

    async def _bind(self, address: str) -> list[socket.socket]:
        if address.startswith(UNIX):
            return [unix.listen_on(address.removeprefix(UNIX))]
        host, port = split_address(address)
        infos = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        sockets: list[socket.socket] = []
        failure: OSError | None = None
        try:
            for family, _, _, _, name in dict.fromkeys(infos):
                try:
                    sockets.append(_listen(family, name))
                except OSError as error:
                    failure = error
                    if error.errno not in WITHOUT_AN_ADDRESS:
                        raise
            if failure is not None and not sockets:
                raise failure
        except OSError:
            for sock in sockets:
                sock.close()
            raise
        return sockets

    async def _accept(self, name: str, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        is_unix = sock.family == socket.AF_UNIX
        own = sock.dup()
        if (self._tls is not None and not is_unix) or self._settings.trusted_proxy:
            stop = Acceptor(own, self._connections, self._settings, lambda: None if is_unix else self._tls).close
        elif is_unix:
            stop = (await loop.create_unix_server(self._connections, sock=own, backlog=unix.BACKLOG)).close
        else:
            stop = (await loop.create_server(self._connections, sock=own, backlog=unix.BACKLOG)).close
        at = UNIX + sock.getsockname() if is_unix else joined_address(*sock.getsockname()[:2])
        self.listeners.append(OwnSocket(name, sock, at, stop))
        self._bound.append(at)

    def _explain(self, address: str, error: OSError | UnicodeError) -> str:
        if address != self._settings.main or self._settings.has_alternatives():
            also = " as well" if address in self._settings.also_listen else ""
            return f"cannot listen on {address}{also}: {_reason(error)}"
        if address.startswith(UNIX):
            return f"cannot listen on {address.removeprefix(UNIX)}: {_reason(error)}"
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            return f"port {self._settings.port} on {self._settings.host} is in use; --port 0 picks a free one"
        return f"cannot listen on {self._settings.host} port {self._settings.port}: {_reason(error)}"


def _inherit(name: str, fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    is_stream = sock.family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM
    if not is_stream or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise CannotListen(f"cannot listen on the passed socket {name}: it must be a stream socket that listens")
    return sock


def _listen(family: int, name: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
        sock.listen(unix.BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "it is in use"
    return str((error.strerror if isinstance(error, OSError) else None) or error)
