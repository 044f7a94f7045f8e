"""Whether the client of an HTTP answer is still connected: aiohttp notices only when it writes, and late."""

import asyncio
import contextlib
import fcntl
import select
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Final, cast

from aiohttp import web

_KEEPALIVE_LIMIT_S: Final = 32767
PROBE_PERIOD_S: Final = 10
_TIMEOUT_LIMIT_MS: Final = 2**31 - 1


@contextlib.contextmanager
def when_gone(request: web.Request, tell: Callable[[], object], patience_s: float) -> Iterator[None]:
    """Call ``tell`` when the client's connection ends within the block, also if it has ended before.

    A client has gone if its machine does not answer, or if it takes no waiting data, for ``patience_s``.
    """
    transport = request.transport
    if transport is None:
        tell()
        yield
        return
    _limit_silence(transport.get_extra_info("socket"), patience_s)
    protocol = cast("asyncio.Protocol", transport.get_protocol())
    transport.set_protocol(_Listener(protocol, tell))
    try:
        yield
    finally:
        transport.set_protocol(protocol)


class _Listener(asyncio.Protocol):
    """Passes all data on, and reports the end."""

    def __init__(self, protocol: asyncio.Protocol, tell: Callable[[], object]) -> None:
        self._protocol = protocol
        self._tell = tell

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self._tell()


def untaken_bytes(transport: asyncio.Transport) -> int:
    """Return how many written bytes the client has not taken: SIOCOUTQ, tcp(7). 0 if it closes.

    On TCP these have not reached the client's machine. On a unix socket the program there has not read them; they are
    counted in bytes of the kernel's memory.
    """
    if transport.is_closing():  # its descriptor may belong to another connection
        return 0
    fd = transport.get_extra_info("socket").fileno()
    in_kernel = int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder)
    return transport.get_write_buffer_size() + in_kernel


def _limit_silence(sock: socket.socket, patience_s: float) -> None:
    """Make the kernel end a dead connection, tcp(7): it probes a silent one after two thirds of the time."""
    probe_after_s = max(1, int(patience_s / 1.5))
    with contextlib.suppress(OSError):  # the connection has just ended
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(probe_after_s, _KEEPALIVE_LIMIT_S))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, min(max(1, probe_after_s // 2), _KEEPALIVE_LIMIT_S))
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(max(1, int(patience_s * 1000)), _TIMEOUT_LIMIT_MS)
        )


def probe(sock: socket.socket) -> None:
    """Make the kernel probe the other side from time to time: its refusal ends the connection."""
    with contextlib.suppress(OSError):  # a unix socket needs no probes
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_PERIOD_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_PERIOD_S)


def has_closed(transport: asyncio.Transport) -> bool:
    """Return whether the client has closed its socket both ways, after it has closed one way.

    A unix socket says so. TCP says so when the client's machine has refused sent data: an event, or one of the kernel's
    probes. Linux answers those for a minute (tcp_fin_timeout) after a program has closed.
    """
    if transport.is_closing():
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)
    return bool(poll.poll(0))
